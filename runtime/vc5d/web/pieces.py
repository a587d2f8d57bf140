"""Long JSON in pieces: the encoder holds the interpreter while it works, so that a document of many megabytes
would keep the event loop, and with it health checks, waiting. Each piece takes a millisecond or so."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from aiohttp import web

from ..jsonparts import Packed

_PATIENCE = 30.0  # s for a client to take a piece
_AT_ONCE = 1 << 14  # numbers, or entries of an object


def status_pieces(status: Mapping[str, Any]) -> Iterator[str]:
    """The status, a service at a time; keys sorted but for `services`, which come last."""
    rest = {name: value for name, value in status.items() if name != "services"}
    yield json.dumps(rest, sort_keys=True)[:-1] + (", " if rest else "") + '"services": '
    yield from Packed.of(status.get("services", {})).pieces()
    yield "}"


def array_pieces(numbers: npt.NDArray[np.uint64], times: int) -> Iterator[str]:
    """An array of integers, each multiplied by `times`."""
    yield "["
    for start in range(0, len(numbers), _AT_ONCE):
        part = (numbers[start : start + _AT_ONCE] * np.uint64(times)).tolist()
        yield ("," if start else "") + ",".join(map(str, part))
    yield "]"


def prefix6_pieces(counts: Mapping[int, int], times: int) -> Iterator[str]:
    """{"2001:db8:1::/48": n, …}, the largest first; `counts` by the upper 48 bits of the address."""
    ordered = sorted(counts.items(), key=lambda each: -each[1])
    yield "{"
    for start in range(0, len(ordered), _AT_ONCE):
        part = {
            f"{ipaddress.IPv6Address(prefix << 80)}/48": count * times
            for prefix, count in ordered[start : start + _AT_ONCE]
        }
        yield ("," if start else "") + json.dumps(part)[1:-1]
    yield "}"


async def send(request: web.Request, parts: list[bytes], content_type: str) -> web.StreamResponse:
    """What is made already; uses it up. As `stream` otherwise."""
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.content_length = sum(map(len, parts))
    if request.method == "HEAD":  # who asks so would take a body for the next answer
        return response
    await response.prepare(request)
    parts.reverse()
    while parts:
        await _write(response, parts.pop())
    await response.write_eof()
    return response


async def stream(request: web.Request, pieces: Iterable[str]) -> web.StreamResponse:
    """Sends them as they are made, compressed if the client knows how; a slow client slows only itself, and
    one that takes nothing is let go."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    if request.method == "HEAD":  # no body, and no end of what is compressed either
        return response
    response.enable_compression()
    await response.prepare(request)
    for piece in pieces:
        await _write(response, piece.encode())
    await response.write_eof()
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            await response.write(piece)
    except TimeoutError:
        raise ConnectionResetError("it takes nothing") from None
    await asyncio.sleep(0)  # what else is due comes in between
