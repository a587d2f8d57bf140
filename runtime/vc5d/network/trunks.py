"""What lies under an interface: by which interfaces with the program its frames leave, and with which tag.

VLAN devices lie over a NIC or a bond, bonds and bridges over their ports. The program may run on either: on
the bond, or on each of its ports.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyroute2 import AsyncIPRoute

_STACKED = ("vlan", "macvlan")  # kinds whose IFLA_LINK is the device below; a veth's is its peer
_PLAIN_MASTERS = ("bond", "team", "bridge", "vrf")  # that take frames to their own MAC and to those above
_DEPTH = 8


@dataclass(frozen=True)
class Device:
    """An interface. below: the index of the device that it is stacked on, 0: none. master: of the bond or
    bridge that it is a port of, 0: none. vlan: the id of a VLAN device, 0: it is none. mac: "" where there is
    none."""

    index: int
    name: str
    below: int = 0
    master: int = 0
    vlan: int = 0
    mac: str = ""
    kind: str = ""


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

    def own_macs(self) -> frozenset[tuple[int, str]]:
        """The MACs that frames for this host are sent to, each with the index of the interface that they come
        in by: its own, and those of the devices above it (VLAN devices, macvlans such as VRRP's, bonds,
        bridges). None if that is not to be seen of each interface."""
        over = defaultdict[int, list[int]](list)
        for each in self.devices.values():
            over[each.below].append(each.index)
            over[each.index].append(each.master)
        entries = [each for each in self.devices if {each, self._master(each)} & self.attached]
        found = {entry: self._macs_by(entry, over) for entry in entries}
        if not all(found.values()):
            return frozenset()
        return frozenset((entry, mac) for entry, macs in found.items() for mac in macs)

    def _macs_by(self, entry: int, over: Mapping[int, list[int]]) -> set[str]:
        above, waiting = set[int](), [entry]
        while waiting:
            index = waiting.pop()
            if index in above or index not in self.devices:
                continue
            above.add(index)
            master = self.devices.get(self._master(index))
            if (
                master and master.kind not in _PLAIN_MASTERS
            ):  # Open vSwitch: what is above it is not to be seen
                above = set(self.devices)
                break
            waiting += over[index]
        return {self.devices[index].mac for index in above} - {""}

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
            mac=_mac(link.get("address")),
            kind=kind or "",
        )
    return Trunks(devices, frozenset(index for index, each in devices.items() if each.name in attached))


def _mac(text: str | None) -> str:
    """Of what has another link-layer address or none, such as a tunnel or lo: ""."""
    return text if text and len(text) == 17 and text != "00:00:00:00:00:00" else ""
