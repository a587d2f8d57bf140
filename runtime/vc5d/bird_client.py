"""What BIRD says of its BGP sessions, by its control socket, restricted to reading.

The protocol (BIRD's manual, "Remote control"): a line a command; each line of the reply has a code of four
digits, then `-` when more follow and a space at the last; a line that begins with a space goes on with the
code before. Codes 0xxx end a command well, 8xxx and 9xxx badly; 1002 is a line of `show protocols`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

SOCKET = Path("/run/bird/bird.ctl")

_PATIENCE = 2.0  # s
_LINE = 1002
_MOST = 100_000  # bytes of a reply


@dataclass(frozen=True)
class Session:
    """One BGP protocol of BIRD's. info: BIRD's own word, such as "Established", and the reason if any."""

    name: str
    up: bool
    since: str
    info: str


@dataclass(frozen=True)
class Sessions:
    """why: in words, when BIRD could not be asked; then there are no sessions to show."""

    sessions: tuple[Session, ...] = ()
    why: str = ""


async def read_sessions(path: Path = SOCKET) -> Sessions:
    """Never raises."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return Sessions(parse(await _ask(path)))
    except FileNotFoundError:
        return Sessions(why=f"BIRD does not run here, or its socket is not {path}")
    except PermissionError:
        return Sessions(why=f"vc5d may not read {path}: it must be in the socket's group")
    except TimeoutError:
        return Sessions(why=f"BIRD did not answer in {_PATIENCE:g} s")
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


async def _ask(path: Path) -> list[str]:
    reader, writer = await asyncio.open_unix_connection(path, limit=_MOST)
    try:
        await _reply(reader)  # its greeting
        writer.write(b"restrict\n")
        await _reply(reader)
        writer.write(b"show protocols\n")
        return [text for code, text in await _reply(reader) if code == _LINE]
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
