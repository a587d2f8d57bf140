"""Small checks of one JSON value each. A failure is a `Fault`: where in the document, and what is wrong."""

from __future__ import annotations

import binascii
import ipaddress
import json
import socket
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

_NAMES = {dict: "an object", list: "a list", str: "a string", int: "an integer", bool: "true or false"}
_REQUIRED: Any = object()


class Fault(Exception):
    """Something in the document is not as docs/document.md says. `where` is a path of keys."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}" if where else what)


def shown(value: Any) -> str:
    """`value` as JSON, cut to what fits a message."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "…"


def typed(value: Any, kind: type, where: str) -> Any:
    """`value` if it is exactly a `kind` (true is no integer here)."""
    if type(value) is not kind:
        raise Fault(where, f"expected {_NAMES[kind]}, found {shown(value)}")
    return value


def field(mapping: Mapping[str, Any], key: str, kind: type, where: str, default: Any = _REQUIRED) -> Any:
    """`mapping[key]`, of type `kind`; without it `default`, or a fault."""
    value = mapping.get(key, _REQUIRED)
    if value is _REQUIRED:
        if default is _REQUIRED:
            raise Fault(where, f'the key "{key}" is missing')
        return default
    return value if type(value) is kind else typed(value, kind, f"{where}.{key}" if where else key)


def integer(mapping: Mapping[str, Any], key: str, low: int, high: int, where: str) -> int:
    """An integer in low … high."""
    value: int = field(mapping, key, int, where)
    if not low <= value <= high:
        raise Fault(f"{where}.{key}" if where else key, f"{value} is not in {low} … {high}")
    return value


def positive(mapping: Mapping[str, Any], key: str, where: str) -> float:
    """A number of seconds above 0."""
    value = mapping.get(key)
    if type(value) not in (int, float) or not 0 < value < float("inf"):  # type: ignore[operator]
        raise Fault(f"{where}.{key}" if where else key, f"expected a number above 0, found {shown(value)}")
    return float(value)  # type: ignore[arg-type]


def address(text: str, where: str) -> str:
    """An IP address in its canonical spelling: two spellings of one real would be two reals."""
    if _is_canonical4(text):
        return text
    try:
        canonical = str(ipaddress.ip_address(text))
    except ValueError:
        raise Fault(where, f'"{text}" is not an IP address') from None
    if canonical != text:
        raise Fault(where, f'"{text}" is not written as "{canonical}"')
    return text


@lru_cache(1 << 16)
def _is_canonical4(text: str) -> bool:
    """A document may name the same real a thousand times."""
    try:
        return socket.inet_ntoa(socket.inet_pton(socket.AF_INET, text)) == text
    except (OSError, ValueError):
        return False  # then it is IPv6, or wrong


def port(text: str, where: str, lowest: int = 1) -> int:
    """A port number in decimal, `lowest` … 65535."""
    if not (text.isascii() and text.isdecimal() and lowest <= int(text[:6]) <= 65535):
        raise Fault(where, f'"{text}" is not a port number')
    return int(text)


def uint16s(mapping: Mapping[str, Any], key: str, count: int, where: str) -> npt.NDArray[np.uint16]:
    """`count` little-endian unsigned 16-bit numbers from base64; the array is read-only."""
    text: str = field(mapping, key, str, where)
    try:
        raw = binascii.a2b_base64(text, strict_mode=True) if text else b""
    except (binascii.Error, ValueError) as error:
        raise Fault(f"{where}.{key}", f"not base64: {error}") from None
    if len(raw) != 2 * count:
        raise Fault(f"{where}.{key}", f"{len(raw)} bytes, expected {2 * count} for {count} numbers")
    return np.frombuffer(raw, "<u2")
