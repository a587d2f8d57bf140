"""Removing every trace of a vc5d that is stopped: program, maps, and what a crash left of its routing."""

from __future__ import annotations

from pathlib import Path

from pyroute2 import AsyncIPRoute

from .health.marks import Paths
from .maps import Program


async def uninstall(pin_dir: Path) -> list[str]:
    """The names of the interfaces that the program was detached from. Nothing there is fine."""
    async with AsyncIPRoute() as netlink:
        await Paths(netlink).stop()
    program = Program.open_pinned(pin_dir)
    if program is None:
        return []
    attached = sorted(program.attached())
    program.unpin()
    program.close()
    return attached
