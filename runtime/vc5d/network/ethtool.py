"""An interface's driver, and the receive offloads that XDP cannot work with, turned off: by the ethtool ioctl
(linux/ethtool.h).

With `rxvlan` the NIC takes the tag off a frame and keeps it beside it, where XDP does not see it; with LRO it
joins segments, and most drivers refuse XDP.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct

_SIOCETHTOOL = 0x8946
_GDRVINFO = 0x03
_GFLAGS = 0x25
_SFLAGS = 0x26
_GGRO = 0x2B
_STXCSUM = 0x17
_UNWANTED = {"rxvlan": 1 << 8, "lro": 1 << 15}


def turn_off_receive_offloads(ifname: str) -> list[str]:
    """The names of those that were on and are off now. Raises OSError when the driver refuses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = _flags(control, ifname, _GFLAGS, 0)
        on = [name for name, bit in _UNWANTED.items() if flags & bit]
        if on:
            _flags(control, ifname, _SFLAGS, flags & ~sum(_UNWANTED.values()))
        return on


def turn_off_checksums(ifname: str) -> None:
    """Of what is sent: the kernel makes them, and with that sends no segments longer than the MTU. Raises
    OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _flags(control, ifname, _STXCSUM, 0)


def receive_offloads(ifname: str) -> list[str]:
    """The names of those that are on, of `rxvlan`, `lro` and `gro`. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = _flags(control, ifname, _GFLAGS, 0)
        gro = _flags(control, ifname, _GGRO, 0)
    return [name for name, bit in _UNWANTED.items() if flags & bit] + (["gro"] if gro else [])


def driver(ifname: str) -> str:
    """ "" if it does not say. struct ethtool_drvinfo: u32 cmd, char driver[32], and 160 bytes more."""
    data = ctypes.create_string_buffer(struct.pack("I192x", _GDRVINFO))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(
                control, _SIOCETHTOOL, struct.pack("16sP16x", ifname.encode(), ctypes.addressof(data))
            )
    except OSError:
        return ""
    return data.raw[4:36].split(b"\0")[0].decode(errors="replace")


def _flags(control: socket.socket, ifname: str, command: int, value: int) -> int:
    """struct ethtool_value {u32 cmd; u32 data}, pointed at by struct ifreq."""
    data = ctypes.create_string_buffer(struct.pack("II", command, value))
    fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP16x", ifname.encode(), ctypes.addressof(data)))
    _, result = struct.unpack("IIx", data.raw[:9])
    return int(result)
