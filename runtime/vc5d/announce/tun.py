"""The TUN device that the announced routes point at.

It is not persistent: the kernel removes it, and with it every route that points at it, when the process that
holds its descriptor ends, however it ends. That is how a dead daemon withdraws its VIPs.

Nothing is ever read from the descriptor: packets only reach a route's device when some rule consults its
table, and no rule consults table 205; BIRD only reads it. What the kernel itself sends when a device comes up
(IPv6 neighbor discovery) fills a short queue at most and is dropped there.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

from ..errors import Vc5Error

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_TUNGETIFF = 0x800454D2
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_IFREQ = struct.Struct("16sH22x")  # name, flags, the rest of the union

NAME_MAX = 15  # IFNAMSIZ - 1


class Tun:
    """A TUN device for as long as this object is open. Its link is still down when made. `adopted`: it is the
    one whose descriptor was given, with the routes that point at it."""

    def __init__(self, name: str, device: Path = Path("/dev/net/tun"), descriptor: int | None = None) -> None:
        """descriptor: of the vc5d before, which is closed if its device is another, or gone. Raises Vc5Error
        when the device cannot be made or another process holds one of that name."""
        self.name = name
        self.adopted = descriptor is not None and _name_of(descriptor) == name
        if descriptor is not None and self.adopted:
            self._descriptor = descriptor
            return
        if descriptor is not None:
            os.close(descriptor)
        try:
            self._descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        except OSError as failure:
            raise Vc5Error(
                f"cannot open {device}: {failure.strerror}",
                "load the kernel's tun module (modprobe tun), or start with --no-announce",
            ) from None
        try:
            fcntl.ioctl(self._descriptor, _TUNSETIFF, _IFREQ.pack(name.encode(), _IFF_TUN | _IFF_NO_PI))
        except OSError as failure:
            os.close(self._descriptor)
            raise _refused(name, failure) from None
        self._keep_quiet()

    def _keep_quiet(self) -> None:
        """No IPv6 link-local address: nobody is at the other end. A read-only /proc/sys does no harm."""
        try:
            Path(f"/proc/sys/net/ipv6/conf/{self.name}/addr_gen_mode").write_text("1\n")
        except OSError:
            return

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """The device goes, unless another holds its descriptor too."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _name_of(descriptor: int) -> str:
    """Of the device behind the descriptor; "" if somebody has deleted it."""
    try:
        name, _ = _IFREQ.unpack(fcntl.ioctl(descriptor, _TUNGETIFF, bytes(_IFREQ.size)))
    except OSError:
        return ""
    return str(name.split(b"\0")[0].decode())


def _refused(name: str, failure: OSError) -> Vc5Error:
    if failure.errno == errno.EBUSY:
        return Vc5Error(
            f"the device {name} is held by another process",
            "is another vc5d running here? one host needs only one; otherwise choose --tun NAME",
        )
    if failure.errno in (errno.EINVAL, errno.EEXIST):
        return Vc5Error(
            f"the device {name} exists and is no TUN device", "choose another name with --tun NAME"
        )
    return Vc5Error(f"cannot create the TUN device {name}: {failure.strerror}", "vc5d needs CAP_NET_ADMIN")
