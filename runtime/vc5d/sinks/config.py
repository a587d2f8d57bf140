"""The document's `logging`: VC5's keys, and more. docs/logging.md says what each does.

Messages never quote a value that may be a secret, nor a key that is one (VC5 has webhooks by URL).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import Vc5Error
from .secret import Source

_KNOWN = {"alert", "syslog", "slack", "teams", "elasticsearch", "webhooks", "probes"}
_KNOWN_ELASTIC = {"index", "addresses", "username", "password", "api_key", "ca", "verify", "data_stream"}
_KNOWN_WEBHOOK = {"type", "level", "url"}
_PORTS = {"http": 80, "https": 443}
_NO_INDEX = re.compile(r"^[-_+.]|[\s\\/*?\"<>|,#:A-Z]")
_DEFAULT_ADDRESS = "http://localhost:9200"


@dataclass(frozen=True)
class Webhook:
    """type: slack or teams. level: syslog's, the least grave that is told."""

    name: str
    type: str
    level: int
    url: Source


@dataclass(frozen=True)
class Elastic:
    """api_key, or username and password, or neither. ca: a file of certificates; "": the host's own."""

    index: str
    addresses: tuple[str, ...]
    username: str = ""
    password: Source | None = None
    api_key: Source | None = None
    ca: str = ""
    verify: bool = True


@dataclass(frozen=True)
class Logging:
    """probes: every probe is told. unknown: keys that mean nothing here."""

    probes: bool = False
    syslog: bool = False
    elastic: Elastic | None = None
    webhooks: tuple[Webhook, ...] = ()
    unknown: tuple[str, ...] = ()


def read(raw: object) -> Logging:
    """Of `logging` in a document; None is as good as nothing. Raises Vc5Error."""
    top = _mapping(raw, "logging")
    elastic = _mapping(top.get("elasticsearch"), "logging.elasticsearch")
    unknown = [f"logging.{key}" for key in top.keys() - _KNOWN]
    unknown += [f"logging.elasticsearch.{key}" for key in elastic.keys() - _KNOWN_ELASTIC]
    return Logging(
        probes=_boolean(top, "probes", "logging", False),
        syslog=_boolean(top, "syslog", "logging", False),
        elastic=_elastic(elastic) if elastic.get("index") is not None or elastic else None,
        webhooks=tuple(_webhooks(top)),
        unknown=tuple(sorted(unknown)),
    )


def _webhooks(top: Mapping[str, Any]) -> Iterator[Webhook]:
    alert = _level(top.get("alert"), "logging.alert")
    for name in ("slack", "teams"):
        if top.get(name):
            yield Webhook(name, name, alert, _url(top[name], f"logging.{name}"))
    given = _mapping(top.get("webhooks"), "logging.webhooks")
    for number, (key, value) in enumerate(sorted(given.items()), 1):
        by_url = "://" in key
        name = f"webhook-{number}" if by_url else key
        where = f"logging.webhooks, number {number}" if by_url else f"logging.webhooks.{key}"
        if name in ("slack", "teams", "elasticsearch", "syslog"):
            raise Vc5Error(f"{where}: {name} is the name of another sink", "give it another")
        options = _mapping(value, where)
        if odd := options.keys() - _KNOWN_WEBHOOK:
            raise Vc5Error(f"{where}: unknown key: {sorted(odd)[0]}", "there are type, level, url")
        kind = options.get("type") or "slack"
        if kind not in ("slack", "teams"):
            raise Vc5Error(f"{where}.type: neither slack nor teams")
        level = _level(options["level"], f"{where}.level") if options.get("level") is not None else alert
        if by_url == ("url" in options):
            raise Vc5Error(f"{where}: the URL is to be there once", "as the key, or as `url`")
        yield Webhook(name, kind, level, _url(key if by_url else options["url"], where))


def _elastic(raw: Mapping[str, Any]) -> Elastic:
    where = "logging.elasticsearch"
    index = raw.get("index")
    if not isinstance(index, str) or not index or _NO_INDEX.search(index) or len(index.encode()) > 255:
        raise Vc5Error(f"{where}.index: not the name of an index", "lower case, such as `vc5`")
    addresses = raw.get("addresses") or [_DEFAULT_ADDRESS]
    if isinstance(addresses, str):
        addresses = [addresses]
    if not isinstance(addresses, list):
        raise Vc5Error(f"{where}.addresses: not a list of URLs")
    username = raw.get("username") or ""
    password, api_key = (
        _secret(raw[key], f"{where}.{key}") if raw.get(key) else None for key in ("password", "api_key")
    )
    if not isinstance(username, str):
        raise Vc5Error(f"{where}.username: not text")
    if password and not username:
        raise Vc5Error(f"{where}: a password, but no username")
    if api_key and (password or username):
        raise Vc5Error(f"{where}: both api_key and username", "give one of them")
    ca = raw.get("ca") or ""
    if not isinstance(ca, str):
        raise Vc5Error(f"{where}.ca: not the path of a file")
    verify = _boolean(raw, "verify", where, True)
    return Elastic(index, tuple(map(_address, addresses)), username, password, api_key, ca, verify)


def _address(text: object) -> str:
    """With a port, which the client wants, and without what else a URL may have."""
    where = "logging.elasticsearch.addresses"
    parts = _split(text, where)
    if parts.username is not None or parts.query:
        raise Vc5Error(
            f"{where}: an address with more than scheme, host, port and path",
            "give username and password apart",
        )
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}{parts.path.rstrip('/')}"


def _url(value: object, where: str) -> Source:
    source = _secret(value, where)
    if source.kind == "text":
        check_url(source.what, where)
    return source


def check_url(text: str, where: str) -> None:
    """Raises Vc5Error unless it is a URL that can be asked. It is not shown."""
    _split(text, where)


def _split(text: object, where: str) -> Any:
    try:
        parts = urlsplit(text if isinstance(text, str) else "")
        fits = parts.scheme in _PORTS and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits or not isinstance(text, str) or not text.isprintable() or " " in text:
        raise Vc5Error(f"{where}: not a URL of http or https")
    return parts


def _secret(value: object, where: str) -> Source:
    if isinstance(value, str) and value.isprintable():
        return Source("text", value)
    if isinstance(value, Mapping) and len(value) == 1:
        kind, what = next(iter(value.items()))
        if kind in ("file", "credential") and isinstance(what, str) and what and what.isprintable():
            if kind == "credential" and "/" in what:
                raise Vc5Error(f"{where}.credential: a name, not a path")
            return Source(kind, what)
    raise Vc5Error(f"{where}: not a secret", 'text, or {"file": PATH}, or {"credential": NAME} of systemd')


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Vc5Error(f"{where}: not a mapping")
    return value


def _boolean(raw: Mapping[str, Any], key: str, where: str, default: bool) -> bool:
    value = raw.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Vc5Error(f"{where}.{key}: neither true nor false")
    return value


def _level(value: object, where: str) -> int:
    """0 to 7, as a number or (what VC5's compiler makes of one) as text."""
    if value is None:
        return 0
    if not isinstance(value, bool) and str(value) in "01234567" and len(str(value)) == 1:
        return int(str(value))
    raise Vc5Error(f"{where}: not 0 (emergency) to 7 (debug)")
