"""What lies under an interface: by which interfaces with the program its frames leave, and with which tag.

VLAN devices lie over a NIC or a bond, bonds and bridges over their ports. The program may run on either: on
the bond, or on each of its ports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyroute2 import AsyncIPRoute

_STACKED = ("vlan", "macvlan")  # kinds whose IFLA_LINK is the device below; a veth's is its peer
_DEPTH = 8


@dataclass(frozen=True)
class Device:
    """An interface. below: the index of the device that it is stacked on, 0: none. master: of the bond or
    bridge that it is a port of, 0: none. vlan: the id of a VLAN device, 0: it is none."""

    index: int
    name: str
    below: int = 0
    master: int = 0
    vlan: int = 0


@dataclass(frozen=True)
class Trunks:
    """Every interface of this host, by index, and the indexes of those that the program runs on."""

    devices: Mapping[int, Device] = field(default_factory=dict)
    attached: frozenset[int] = frozenset()

    def tag(self, index: int) -> int:
        """The VLAN id that frames through the interface carry on the wire; 0: none."""
        return self.devices[index].vlan if index in self.devices else 0

    def ports(self, index: int) -> frozenset[int]:
        """The attached interfaces that its frames may leave by; none if that is not to be seen."""
        for _ in range(_DEPTH):
            if index in self.attached:
                return frozenset({index})
            if members := frozenset(each for each in self.attached if self._master(each) == index):
                return members
            index = self.devices[index].below if index in self.devices else 0
            if not index:
                break
        return frozenset()

    def out(self, ports: frozenset[int]) -> int:
        """The interface to send by: 0, back out of the one that a packet came in by, where each will do."""
        return 0 if not ports or ports >= self.attached else min(ports)

    def vlan_ids(self) -> frozenset[int]:
        """Those that this host itself has a device for, over an attached interface."""
        return frozenset(each.vlan for each in self.devices.values() if each.vlan and self.ports(each.index))

    def _master(self, index: int) -> int:
        return self.devices[index].master if index in self.devices else 0


async def read_trunks(netlink: AsyncIPRoute, attached: frozenset[str]) -> Trunks:
    """attached: names of the interfaces that the program runs on."""
    devices = {}
    for link in [each async for each in await netlink.link("dump")]:
        kind = link.get(("linkinfo", "kind"))
        devices[link["index"]] = Device(
            link["index"],
            link.get("ifname"),
            below=(link.get("link") or 0) if kind in _STACKED else 0,
            master=link.get("master") or 0,
            vlan=(link.get(("linkinfo", "data", "vlan_id")) or 0) if kind == "vlan" else 0,
        )
    return Trunks(devices, frozenset(index for index, each in devices.items() if each.name in attached))
