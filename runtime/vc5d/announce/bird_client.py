"""What BIRD says of its BGP sessions, by its control socket, restricted to reading.

The protocol (BIRD's manual, "Remote control"): a line a command; each line of the reply has a code of four
digits, then `-` when more follow and a space at the last; a line that begins with a space goes on with the
code before. Codes 0xxx end a command well, 8xxx and 9xxx badly; 1002 is a line of `show protocols`, 1006 of
what `show protocols all` says under it, 1007 of `show route`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..defaults import BIRD

_PATIENCE = 2.0  # s
_LINE, _DETAIL, _ROUTE = 1002, 1006, 1007
_MOST = 1 << 20  # bytes of a reply


@dataclass(frozen=True)
class Session:
    """One BGP protocol of BIRD's. info: BIRD's own word, such as "Established", and the reason if any."""

    name: str
    up: bool
    since: str
    info: str


@dataclass(frozen=True)
class Sessions:
    """why: in words, when BIRD could not be asked; then there are no sessions to show. fix: what to do
    then."""

    sessions: tuple[Session, ...] = ()
    why: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Protocol:
    """One of any kind. state: "up", "start" or "down". filters: of what comes in, by channel; REJECT: nothing
    may. filtered: routes that these have refused. exported: routes that it has been given."""

    name: str
    kind: str
    state: str
    filters: tuple[str, ...] = ()
    filtered: int = 0
    exported: int = 0


async def read_sessions(path: Path = BIRD) -> Sessions:
    """Never raises."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return Sessions(parse(await _ask(path)))
    except FileNotFoundError:
        return Sessions(
            why=f"BIRD does not run here, or its socket is not {path}",
            fix="systemctl enable --now bird; if it ends: journalctl -u bird; another socket: --bird PATH",
        )
    except ConnectionRefusedError:
        return Sessions(
            why=f"BIRD has ended: nobody answers at {path}",
            fix="journalctl -u bird says why; systemctl restart bird",
        )
    except PermissionError:
        return Sessions(
            why=f"no permission to ask BIRD by {path}: whoever asks must be in the socket's group",
            fix="adduser vc5 bird && systemctl restart vc5d; for yourself: adduser YOU bird, or sudo",
        )
    except TimeoutError:
        return Sessions(
            why=f"BIRD did not answer in {_PATIENCE:g} s", fix="systemctl status bird; systemctl restart bird"
        )
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError) as failure:
        return Sessions(why=f"BIRD's answer could not be read: {failure}")


def parse(lines: list[str]) -> tuple[Session, ...]:
    """The BGP protocols in a reply to `show protocols`. Columns: name, protocol, table, state, since,
    info."""
    sessions = []
    for line in lines:
        columns = line.split(None, 5)
        if len(columns) >= 5 and columns[1] == "BGP":
            info = columns[5].strip() if len(columns) > 5 else ""
            sessions.append(Session(columns[0], "Established" in info, columns[4], info))
    return tuple(sessions)


async def read_protocols(path: Path) -> tuple[Protocol, ...]:
    """Of every kind, with what became of routes. Never raises: () when BIRD could not be asked."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return tuple(_protocols(await _ask(path, "show protocols all", _LINE, _DETAIL)))
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):
        return ()


def _protocols(lines: list[str]) -> Iterator[Protocol]:
    """Lines of details are indented, and follow their protocol's."""
    blocks: list[list[str]] = []
    for line in lines:
        if line and not line[0].isspace():
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    for first, *details in blocks:
        columns, text = first.split(None, 4), "\n".join(details)
        if len(columns) < 4:
            continue
        # received, rejected, filtered, ignored, accepted
        updates = re.findall(r"Import updates:\s+\d+\s+\d+\s+(\d+)", text)
        yield Protocol(
            name=columns[0],
            kind=columns[1],
            state=columns[3],
            filters=tuple(re.findall(r"Input filter:\s+(\S+)", text)),
            filtered=sum(map(int, updates)),
            exported=sum(map(int, re.findall(r"Routes:.*?(\d+) exported", text))),
        )


async def known_routes(path: Path, prefixes: Iterable[str]) -> frozenset[str]:
    """Those of `prefixes` that BIRD has a route for, in any of its tables. Never raises."""
    found = set()
    try:
        async with asyncio.timeout(_PATIENCE):
            for prefix in prefixes:
                full = prefix if "/" in prefix else f"{prefix}/{128 if ':' in prefix else 32}"
                with contextlib.suppress(ValueError):  # "Network not found"
                    if await _ask(path, f"show route {full} table all", _ROUTE):
                        found.add(prefix)
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        return frozenset(found)
    return frozenset(found)


async def _ask(path: Path, command: str = "show protocols", *wanted: int) -> list[str]:
    """The lines of the reply that have one of the codes `wanted`; none given: of `show protocols`."""
    reader, writer = await asyncio.open_unix_connection(path, limit=_MOST)
    try:
        await _reply(reader)  # its greeting
        writer.write(b"restrict\n")
        await _reply(reader)
        writer.write(command.encode() + b"\n")
        return [text for code, text in await _reply(reader) if code in (wanted or (_LINE,))]
    finally:
        writer.close()


async def _reply(reader: asyncio.StreamReader) -> list[tuple[int, str]]:
    """Lines with their codes, up to the last one. Raises ValueError when BIRD refuses."""
    lines: list[tuple[int, str]] = []
    code, size = 0, 0
    while True:
        line = (await reader.readuntil()).decode("utf-8", "replace").rstrip("\n")
        size += len(line)
        if size > _MOST:
            raise ValueError("it is too long")
        if line.startswith(" "):
            lines.append((code, line[1:]))
            continue
        code = int(line[:4])
        lines.append((code, line[5:]))
        if line[4:5] == " ":
            if code >= 8000:
                raise ValueError(line[5:])
            return lines
