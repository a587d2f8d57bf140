"""Removing every trace of a vc5d that is stopped: program, maps, and what a crash left of its routing.

Works on the names of the pins alone, so that those of any other version go as well: what is no longer pinned
and no process holds is gone, and a program without its link is off its interface.
"""

from __future__ import annotations

from pathlib import Path

from .errors import Vc5Error
from .health.marks import Paths
from .health.tunnels import remove_devices
from .network.netlink import open_netlink
from .xdp import link, pins


async def uninstall(pin_dir: Path) -> list[str]:
    """The names of the interfaces that the program was on. Nothing there is fine. Raises Vc5Error."""
    async with open_netlink() as netlink:
        await Paths(netlink).stop()
        await remove_devices(netlink)
    if not pin_dir.is_dir():
        return []
    attached = link.pinned_names(pin_dir)
    try:
        pins.clear(pin_dir)
    except OSError as failure:
        raise Vc5Error(f"{pin_dir} cannot be removed: {failure.strerror}") from None
    return attached
