"""A document from a file: every check that `vc5d` makes before it touches the kernel."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
from pathlib import Path
from typing import Any, NoReturn

from ..errors import unread
from . import index
from .fields import Fault, shown
from .model import Document, DocumentError, ForbiddenDocumentError
from .seed import SECRET, secret_seed
from .structure import build

VERSION = 1
_MOST = 1 << 30  # bytes; the largest documents have a fifth of it
_PART = 1 << 24  # bytes
_AGAIN = "compile the configuration again with vc5c, and copy the document whole"


def read(path: Path | str, seed_file: Path | None = None) -> Document:
    """The document in the file, fully checked except against the JSON Schema. A secret seed comes from
    `seed_file`, or from systemd's credential. Raises DocumentError."""
    raw = _raw(path, pipe=False)
    return _document(path, raw, secret_seed(seed_file) if raw.get("seed") == SECRET else 0)


def inspect(path: Path | str) -> Document:
    """As `read`, without a secret seed, which stands as 0: for whoever only looks. Raises DocumentError."""
    return _document(path, _raw(path), 0)


def check(path: Path | str) -> Document:
    """As `read`, and against the JSON Schema, which takes seconds for a big document. Without a secret seed,
    which the machine that checks need not have: it stands as 0."""
    raw = _raw(path)
    document = _document(path, raw, 0)
    _check_schema(path, raw)
    return document


def _content(path: Path, *, pipe: bool) -> bytes:
    """No more than a document may have: /dev/zero never ends. pipe: it may be one, or a device. Raises
    OSError, DocumentError."""
    if not pipe and (path.is_fifo() or path.is_char_device()):  # of which nobody knows when they end
        raise DocumentError(f"{path}: is no regular file", "give the file that vc5c wrote")
    parts, size = list[bytes](), 0
    with path.open("rb") as file:
        most = max(_PART, min(os.fstat(file.fileno()).st_size + 1, _MOST))  # at once: nothing is to be joined
        while part := file.read(most):
            parts.append(part)
            size += len(part)
            if size > _MOST:
                raise DocumentError(f"{path}: longer than {_MOST >> 30} GiB, as no document is", _AGAIN)
    return b"".join(parts)


def _raw(path: Path | str, *, pipe: bool = True) -> dict[str, Any]:
    """The file's JSON object; version and digest are right."""
    try:
        content = _content(Path(path), pipe=pipe)
    except OSError as error:
        why, hint = unread(error)
        if isinstance(error, IsADirectoryError | FileNotFoundError):
            hint = "give the file that vc5c wrote"
        kind = ForbiddenDocumentError if isinstance(error, PermissionError) else DocumentError
        raise kind(f"{path}: cannot be read: {why}", hint) from None
    try:
        raw = json.loads(content.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise DocumentError(f"{path}: not a document: it is not UTF-8 text", _AGAIN) from None
    except (json.JSONDecodeError, RecursionError, Fault) as error:
        raise DocumentError(_not_json(path, content, error), _AGAIN) from None
    if type(raw) is not dict or "version" not in raw:
        hint = "is it the YAML configuration? compile it: vc5c config.yaml > config.json"
        raise DocumentError(f'{path}: not a document: there is no "version"', hint)
    if raw["version"] != VERSION or type(raw["version"]) is not int:
        message = (
            f"{path}: version {shown(raw['version'])} of the document is not supported, only {VERSION} is"
        )
        raise DocumentError(message, "use vc5c and vc5d of the same release")
    _check_digest(path, content, raw)
    return raw


def _document(path: Path | str, raw: dict[str, Any], secret: int) -> Document:
    try:
        document = build(raw, secret)
        index.verify(document)
    except Fault as fault:
        raise DocumentError(f"{path}: {fault}", _AGAIN) from None
    return document


def _check_digest(path: Path | str, content: bytes, raw: dict[str, Any]) -> None:
    """The digest is over the canonical bytes without the key itself; cutting it out saves writing them."""
    claimed = raw.get("digest")
    if type(claimed) is not str:
        raise DocumentError(f'{path}: the key "digest" is missing', _AGAIN)
    own = f'"digest":{json.dumps(claimed)},'.encode()
    if content.count(own) == 1 and claimed == _digest(*_without(content, own)):
        return
    without = {key: value for key, value in raw.items() if key != "digest"}
    actual = _digest(json.dumps(without, sort_keys=True, separators=(",", ":")).encode())
    if claimed != actual:
        message = (
            f"{path}: the content does not match its digest: it says {claimed}, the content gives {actual}"
        )
        raise DocumentError(
            message, "it was changed after vc5c wrote it; change the YAML and compile it again"
        )


def _without(content: bytes, own: bytes) -> tuple[memoryview, memoryview]:
    """What is before and after `own`, but for a line's end at the file's: views, since it may be 50 MB."""
    at, whole = content.index(own), memoryview(content)
    return whole[:at], whole[at + len(own) : len(content) - content.endswith(b"\n")]


def _digest(*parts: bytes | memoryview) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return "sha256:" + found.hexdigest()


def _not_json(path: Path | str, content: bytes, error: Exception) -> str:
    if not content.strip():
        return f"{path}: not a document: the file is empty"
    if isinstance(error, json.JSONDecodeError):
        if not content.rstrip().endswith(b"}") and content.lstrip().startswith(b"{"):
            return f"{path}: truncated: the JSON ends at byte {len(content)}, inside the document"
        return f"{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    return f"{path}: not JSON: {error}"


def _no_constant(name: str) -> NoReturn:
    raise Fault("", f"{name} is no JSON number")


def _check_schema(path: Path | str, raw: dict[str, Any]) -> None:
    import jsonschema  # noqa: PLC0415  a third of a second to import, and only --check needs it

    schema = json.loads(importlib.resources.files("vc5_schemas").joinpath("document.schema.json").read_text())
    error = next(jsonschema.Draft202012Validator(schema).iter_errors(raw), None)
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path)
        raise DocumentError(f"{path}: {where or 'document'}: {error.message[:300]} [schema]", _AGAIN)
