"""XDP links: attaching a program to an interface, native first, and finding again what is pinned.

A link is pinned as `link_<interface>`: it outlives vc5d, and a new program comes in by one atomic update.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import Vc5Error
from . import libbpf
from .bpf import obj_get, pin
from .libbpf import check, library
from .pins import LINK as PREFIX

_DOT = "%2e"  # the kernel refuses dots in the names of pins
_FLAGS = {"native": libbpf.XDP_FLAGS_DRV_MODE, "generic": libbpf.XDP_FLAGS_SKB_MODE}
_ATTACHED = {1: "native", 2: "generic", 3: "offloaded", 4: "several"}  # XDP_ATTACHED_* of linux/if_link.h


@dataclass(frozen=True)
class Link:
    """An open link. `ifindex`: as it was when the link was opened."""

    fd: int
    ifname: str
    ifindex: int

    def update(self, prog_fd: int) -> None:
        """Puts another program in this one's place; no packet sees neither."""
        result = library().bpf_link_update(self.fd, prog_fd, None)
        check(result, f"{self.ifname}: the XDP program cannot be replaced")

    def detach(self) -> None:
        library().bpf_link_detach(self.fd)

    def close(self) -> None:
        os.close(self.fd)

    def ifindex_now(self) -> int:
        """0: its interface is gone, or somebody has detached it."""
        return _ifindex(self.fd, self.ifname)

    def program_id(self) -> int:
        """Of the program that it has now."""
        return int(_info(self.fd, self.ifname).prog_id)

    def mode(self) -> str:
        return attached_mode(self.ifindex)


def attached_mode(ifindex: int) -> str:
    """How XDP is attached there: "native", "generic", or "" where it is not."""
    opts = libbpf.XdpQueryOpts(sz=ctypes.sizeof(libbpf.XdpQueryOpts))
    if library().bpf_xdp_query(ifindex, 0, ctypes.byref(opts)) < 0:
        return ""
    return _ATTACHED.get(opts.attach_mode, "")


def create(prog_fd: int, ifindex: int, ifname: str, mode: str) -> Link:
    """Attaches in `mode`; "auto" is native, and generic where the driver refuses."""
    refusals = []
    for tried in ("native", "generic") if mode == "auto" else (mode,):
        opts = libbpf.LinkCreateOpts(sz=ctypes.sizeof(libbpf.LinkCreateOpts), flags=_FLAGS[tried])
        fd = library().bpf_link_create(prog_fd, ifindex, libbpf.BPF_LINK_XDP, ctypes.byref(opts))
        if fd >= 0:
            return Link(fd, ifname, ifindex)
        refusals.append(f"{tried}: {os.strerror(-fd)}")
    raise Vc5Error(
        f"{ifname}: XDP cannot be attached ({'; '.join(refusals)})",
        f"`ip link show {ifname}` shows whether another XDP program is there"
        + ("" if mode == "generic" else "; LRO must be off, and native mode needs the driver's support"),
    )


def open_pinned(pin_dir: Path, ifname: str) -> Link | None:
    """The link that is pinned for an interface; None if there is none."""
    path = _path(pin_dir, ifname)
    if not path.exists():
        return None
    fd = obj_get(path)
    return Link(fd, ifname, _ifindex(fd, str(path)))


def _ifindex(fd: int, what: str) -> int:
    return int(_info(fd, what).ifindex)


def _info(fd: int, what: str) -> libbpf.LinkInfo:
    info = libbpf.LinkInfo()
    length = ctypes.c_uint32(ctypes.sizeof(info))
    check(
        library().bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length)), f"{what} is no link"
    )
    return info


def pin_link(link: Link, pin_dir: Path) -> None:
    pin(link.fd, _path(pin_dir, link.ifname))


def unpin(pin_dir: Path, ifname: str) -> None:
    _path(pin_dir, ifname).unlink(missing_ok=True)


def pinned_names(pin_dir: Path) -> list[str]:
    """The interfaces that have a pinned link."""
    return sorted(path.name.removeprefix(PREFIX).replace(_DOT, ".") for path in pin_dir.glob(f"{PREFIX}*"))


def _path(pin_dir: Path, ifname: str) -> Path:
    return pin_dir / f"{PREFIX}{ifname.replace('.', _DOT)}"
