"""Asking vc5d over its control socket (control.py says how they talk)."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from ..errors import Vc5Error

_PATIENCE = 60.0  # s: a reload waits for a big document


class Forbidden(Vc5Error):
    """The socket is there, and not for who asks."""


def ask(path: Path, command: str, **values: Any) -> Any:
    """The result of one command; `values` go with it. Raises Vc5Error with vc5d's own reason, or why it
    cannot be asked."""
    with _connected(path, command, values) as answers:
        return _result(path, answers.readline())


def stream(path: Path, command: str, **values: Any) -> Generator[Any, None, None]:
    """The results of a streaming command, as they come; closing this ends it. Raises Vc5Error as `ask` does,
    also when vc5d ends."""
    with _connected(path, command, values) as answers:
        yield _result(path, answers.readline())
        answers.raw_socket.settimeout(None)
        while True:
            yield _result(path, answers.readline())


class _Answers:
    """What comes back, line by line."""

    def __init__(self, connection: socket.socket) -> None:
        self.raw_socket = connection
        self._file = connection.makefile("rb")

    def readline(self) -> bytes:
        return self._file.readline()

    def close(self) -> None:
        self._file.close()


@contextlib.contextmanager
def _connected(path: Path, command: str, values: dict[str, Any]) -> Iterator[_Answers]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(str(path))
            with contextlib.suppress(BrokenPipeError):  # it has said why it did not wait for the question
                connection.sendall(json.dumps({"command": command, **values}).encode() + b"\n")
            with contextlib.closing(_Answers(connection)) as answers:
                yield answers
    except TimeoutError:
        raise Vc5Error(f"vc5d does not answer on {path}", "its log may say why") from None
    except PermissionError:
        raise Forbidden(f"no permission for {path}", "run as root, or join the socket's group") from None
    except OSError as failure:
        raise Vc5Error(
            f"no vc5d answers on {path}: {failure.strerror or failure}",
            "is it running? --socket PATH names another; `vc5ctl doctor` looks at this host without it",
        ) from None


def _result(path: Path, line: bytes) -> Any:
    if not line.endswith(b"\n"):
        raise Vc5Error("vc5d ended before it answered", "its log may say why")
    try:
        answer = json.loads(line)
        if answer["ok"]:
            return answer["result"]
        message, hint = str(answer["error"]), str(answer.get("hint", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Vc5Error(f"what answers on {path} is no vc5d", "--socket PATH names another") from None
    raise Vc5Error(message, hint)
