"""Two network cards of this host that are joined by a cable: one stays, as a load balancer's; the other goes
into a namespace of its own, where frames are sent and what comes back is looked at."""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.host import inside, run

DRIVER = "virtio_net"
_ETH_P_ALL = 0x0003
_SOL_PACKET, _AUXDATA, _IGNORE_OUTGOING = 263, 8, 23
_VLAN_VALID = 1 << 4  # TP_STATUS_VLAN_VALID of linux/if_packet.h
_SO_RCVBUFFORCE = 33
BURST = 32  # frames at a time, far fewer than a queue has room for


def find() -> list[str]:
    """The interfaces of this kind of card, by name."""
    drivers = sorted(Path("/sys/class/net").glob("*/device/driver"))
    return [path.parts[4] for path in drivers if path.resolve().name == DRIVER]


@dataclass(frozen=True)
class Came:
    """A frame that came back: for which flow, to which MAC, under which tag (0: none)."""

    source: tuple[str, int]
    mac: str
    vlan: int


@dataclass(frozen=True)
class Cards:
    """here: the load balancer's. there: the other one, in `netns`."""

    here: str
    there: str
    netns: str

    @property
    def mac(self) -> bytes:
        return bytes.fromhex(Path(f"/sys/class/net/{self.here}/address").read_text().strip().replace(":", ""))

    def add_vlan(self, vlan: int) -> None:
        """A device of the host's own: without one the card drops the VLAN's frames."""
        name = f"{self.here}.{vlan}"
        run(["ip", "link", "add", "link", self.here, "name", name, "type", "vlan", "id", str(vlan)])
        run(["ip", "link", "set", name, "addrgenmode", "none", "up"])

    def remove_vlan(self, vlan: int) -> None:
        run(["ip", "link", "del", f"{self.here}.{vlan}"])

    def set_queues(self, count: int) -> None:
        run(["ethtool", "-L", self.here, "combined", str(count)])

    def most_queues(self) -> int:
        """How many pairs of queues the card has, in use or not."""
        said = run(["ethtool", "-l", self.here])
        return int(re.findall(r"Combined:\s+(\d+)", said)[0])

    def seen_by_queue(self) -> list[int]:
        """Frames that the program has answered so far, by the queue that they came in by."""
        # Linux 6.1 calls them rx_queue_0_xdp_tx, others rx0_xdp_tx.
        found = re.findall(r"\brx(?:_queue_)?(\d+)_xdp_tx: (\d+)", run(["ethtool", "-S", self.here]))
        return [int(count) for _, count in sorted(found, key=lambda each: int(each[0]))]

    def exchange(self, frames: Sequence[bytes], patience: float = 10) -> list[Came]:
        """Send them, and collect what comes until all have come back or nothing does any more."""
        came: list[Came] = []
        with inside(self.netns):
            cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            cable.bind((self.there, _ETH_P_ALL))
        with cable:
            cable.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
            cable.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
            cable.setsockopt(_SOL_PACKET, _AUXDATA, 1)
            for first in range(0, len(frames), BURST):
                for frame in frames[first : first + BURST]:
                    cable.send(frame)
                _collect(cable, came, min(len(frames), first + BURST), 1)
            _collect(cable, came, len(frames), patience)
        return came


def _collect(cable: socket.socket, came: list[Came], wanted: int, patience: float) -> None:
    end = time.monotonic() + patience
    while len(came) < wanted and time.monotonic() < end:
        if select.select([cable], [], [], 0.1)[0]:
            data, extra, _, _ = cable.recvmsg(2048, 64)
            if frame := _parse(data, extra):
                came.append(frame)


def _parse(data: bytes, extra: list[tuple[int, int, bytes]]) -> Came | None:
    """An IPv4 TCP frame; its tag lies beside it."""
    if data[12:14] != b"\x08\x00" or data[23] != socket.IPPROTO_TCP:
        return None
    vlan = 0
    for _, _, auxiliary in extra:
        status, *_, tci, _ = struct.unpack("IIIHHHH", auxiliary)
        vlan = tci & 0x0FFF if status & _VLAN_VALID else 0
    source = (socket.inet_ntoa(data[26:30]), int.from_bytes(data[34:36]))
    return Came(source, data[:6].hex(":"), vlan)


@contextmanager
def joined(here: str, there: str, netns: str) -> Iterator[Cards]:
    """`there` in a new namespace, both up, without anything that the kernel would send by itself."""
    run(["ip", "netns", "add", netns])
    try:
        run(["ip", "link", "set", there, "netns", netns])
        run(["ip", "link", "set", here, "addrgenmode", "none", "up"])
        # All that comes, to whatever MAC; a worker of Linux 6.12 tells the card so some time later.
        run(["ip", "-n", netns, "link", "set", there, "addrgenmode", "none", "promisc", "on", "up"])
        yield Cards(here, there, netns)
    finally:
        run(["ip", "netns", "del", netns])  # the card comes back by itself
