"""The filter on the command line, as engineers know it from tcpdump, to the request's.

src 203.0.113.0/24 dst 192.0.2.1 dport 443 proto tcp         service 192.0.2.1:80:tcp
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import Vc5Error

_WORDS = ("src", "dst", "sport", "dport", "proto", "service")
_PROTOCOLS = ("tcp", "udp", "icmp", "icmp6")
_ENDS = {"src": "sport", "dst": "dport"}  # `src port N`
_HINT = "such as: src 203.0.113.0/24 dst 192.0.2.1 dport 443 proto tcp"


def parse_filter(words: Sequence[str]) -> dict[str, Any]:
    """Raises Vc5Error with the word that is wrong. Addresses are vc5d's to check."""
    wanted: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if word in ("and", "host", "net"):
            continue
        for key, value in _pairs(word, rest):
            if wanted.setdefault(key, value) != value:
                raise Vc5Error(f"the filter has {word} twice", "run two traces, or use a prefix")
    return wanted


def parse_flow(client: str, vip: str) -> dict[str, Any]:
    """Of one flow, "ADDRESS:PORT" each, IPv6 in brackets."""
    (src, sport), (dst, dport) = _endpoint(client), _endpoint(vip)
    return {"src": src, "sport": sport, "dst": dst, "dport": dport}


def _pairs(word: str, rest: Iterator[str]) -> list[tuple[str, Any]]:
    if word in _PROTOCOLS:
        return [("protocol", word)]
    if word not in _WORDS:
        near = difflib.get_close_matches(word, _WORDS, 1)
        said = f"did you mean {near[0]}?" if near else _HINT
        raise Vc5Error(f"{word!r} is no word of a filter: {', '.join(_WORDS)}", said)
    value = _next(word, rest)
    if value == "port" and word in _ENDS:
        word, value = _ENDS[word], _next(f"{word} port", rest)
    if value in ("host", "net"):
        value = _next(word, rest)
    if word == "service":
        return _service(value)
    if word in ("sport", "dport"):
        return [(word, _number(word, value))]
    if word == "proto":
        return [("protocol", int(value) if value.isascii() and value.isdigit() else value)]
    return [(word, value)]


def _next(word: str, rest: Iterator[str]) -> str:
    value = next(rest, None)
    if value is None:
        raise Vc5Error(f"the filter ends after {word}", _HINT)
    return value


def _service(text: str) -> list[tuple[str, Any]]:
    address, _, tail = text.partition("]:") if text.startswith("[") else text.partition(":")
    if not text.startswith("[") and text.count(":") > 2:  # IPv6 as documents write it, without brackets
        address, *_ = text.rsplit(":", 2)
        tail = text[len(address) + 1 :]
    port, _, protocol = tail.partition(":")
    if not protocol:
        raise Vc5Error(f"{text!r} is no service", "such as 192.0.2.1:80:tcp; `vc5ctl services` lists them")
    number = _number("service", port, least=0)
    return [("dst", address.strip("[]")), ("protocol", protocol), *([("dport", number)] if number else [])]


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    if not address or (":" in address and not address.startswith("[")):
        raise Vc5Error(f"{text!r} is no address and port", "such as 203.0.113.7:51234 or [2001:db8::7]:443")
    return address.strip("[]"), _number(text, port)


def _number(what: str, text: str, least: int = 1) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) < 1 << 16):
        raise Vc5Error(f"{what}: {text!r} is no port")
    return int(text)
