"""Health checks through tunnels: a veth pair of vc5d's own, at whose far end an XDP program puts the same
headers before a check's packets as the other program does before a client's.

Kernel tunnels would do for IP in IP, but need modules and a device for each real; and what they check is
another way than that of traffic. Here nothing but veth is needed, and the code that is checked is the code
that forwards. A check's mark finds a route whose gateway is an address that nobody has (240.0.0.0/12 or
fe80::5c:…), with a MAC that names the way: 02:5c and the number of an entry in `check_ways`. The program at
the far end reads it, encapsulates, and sends by the interface that the kernel's route to the real says. It
runs in generic mode: so it can send by any interface, a VLAN device too, which adds its own tag.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Set

import numpy as np
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.ndmsg import NUD_PERMANENT

from .. import log
from ..errors import Vc5Error
from ..generation.away import constant, room
from ..generation.packing import packed
from ..network import ethtool
from ..network.hops import Route
from ..network.vlans import Missing, Place
from ..xdp import link
from ..xdp.checkprogram import WAYS, CheckProgram
from ..xdp.ordering import stores_before
from .ways import Way

NEAR, FAR = "vc5check0", "vc5check1"
_MAC = "02:5c:{:02x}:{:02x}:{:02x}:{:02x}"
_GATEWAYS = {4: ipaddress.ip_address("240.0.0.0"), 6: ipaddress.ip_address("fe80::5c:0:0")}
_LEAST = 576  # of the MTU of a route

OpenProgram = Callable[[], Awaitable[CheckProgram]]


async def remove_devices(netlink: AsyncIPRoute) -> None:
    """The pair, and with it its routes and neighbors."""
    try:
        await netlink.link("del", index=socket.if_nametoindex(NEAR))
    except NetlinkError as failure:
        log.warning("health.tunnel", device=NEAR, error=failure)
    except OSError:
        return  # there is none


class Entrance:
    """Made at the first way; `stop` removes it. open_program: loads the program, whenever one is needed."""

    def __init__(self, netlink: AsyncIPRoute, open_program: OpenProgram) -> None:
        self._netlink, self._open_program = netlink, open_program
        self._program: CheckProgram | None = None
        self._link: link.Link | None = None
        self._ifindex = 0
        self._numbers: dict[str, int] = {}  # way's name -> its number
        self._hops: dict[str, str] = {}  # way's name -> the next hop's address
        self._refused = ""

    async def lead(self, way: Way, route: Route, source: str) -> Place | Missing:
        """Where a check's packets for this way go: into the device. source: this host's address, of the VIP's
        family."""
        try:
            await self._open()
            number = self._number(way)
            self._write(number, way, route)
            self._hops[way.name] = route.hop
            gateway = str(_GATEWAYS[way.family] + number)
            await self._name(gateway, number)
        except (Vc5Error, NetlinkError, OSError) as failure:
            if self._refused != str(failure):
                self._refused = str(failure)
                log.warning("health.tunnel", device=NEAR, error=failure)
            return Missing(f"checks find no way into its tunnel: {failure}")
        fits = room(way.tunnel, way.real, route.mtu)
        return Place(self._ifindex, NEAR, source, 0, gateway=gateway, mtu=max(_LEAST, fits) if fits else 0)

    def set_mac(self, hop: str, mac: str | None) -> None:
        """Of a next hop, as it was learned; None: the last known one stays."""
        if self._program and mac is not None:
            word = int.from_bytes(bytes.fromhex(mac.replace(":", "")), "little")
            for name, at in self._hops.items():
                if at == hop:
                    self._program.ways["link"][self._numbers[name]] = word

    def keep(self, names: Set[str]) -> None:
        """Only these ways are used any more."""
        for name in self._numbers.keys() - names:
            number = self._numbers.pop(name)
            self._hops.pop(name, None)
            if self._program:
                self._program.ways["link"][number] = 0

    async def stop(self) -> None:
        """The devices go, and with them routes and neighbors."""
        if self._link:
            self._link.close()
        if self._program:
            self._program.close()
        self._link = self._program = None
        self._numbers.clear()
        self._hops.clear()
        if self._ifindex:
            self._ifindex = 0
            await remove_devices(self._netlink)

    async def _open(self) -> None:
        """The pair with the program, if it is not there, or not any more."""
        if self._link and self._link.ifindex_now():
            return
        if self._link:
            self._link.close()
            self._link = None
        await remove_devices(self._netlink)  # what a crash left behind
        await self._netlink.link("add", ifname=NEAR, kind="veth", peer={"ifname": FAR})
        ethtool.turn_off_checksums(NEAR)
        for name in (FAR, NEAR):
            await self._netlink.link("set", index=socket.if_nametoindex(name), state="up")
        self._ifindex = socket.if_nametoindex(NEAR)
        if self._program is None:
            self._program = await self._open_program()
        self._link = link.create(self._program.prog_fd, socket.if_nametoindex(FAR), FAR, "generic")
        log.info("health.tunnels", device=NEAR)

    def _number(self, way: Way) -> int:
        known = self._numbers.get(way.name)
        if known is None:
            taken = set(self._numbers.values())
            known = next((number for number in range(1, WAYS) if number not in taken), 0)
            if not known:
                raise Vc5Error(f"more ways through tunnels than can be checked: {WAYS - 1}")
            self._numbers[way.name] = known
        return known

    def _write(self, number: int, way: Way, route: Route) -> None:
        """All but the next hop's MAC. The link word says that the rest is there, so it goes first, if the
        rest is another."""
        assert self._program
        ways = self._program.ways
        record = np.zeros((), ways.dtype)
        fits = room(way.tunnel, way.real, route.mtu)
        record["tunnel"] = constant(way.tunnel, way.real) | fits << 32
        record["own"] = int.from_bytes(bytes.fromhex(route.own.replace(":", "")), "little")
        record["ifindex"] = route.place.ifindex
        record["addr"] = np.frombuffer(packed(way.real), "u1")
        record["source"] = np.frombuffer(packed(route.place.source), "u1")
        before = ways[number].copy()
        before["link"] = 0
        if before.tobytes() != record.tobytes():
            ways["link"][number] = 0
            stores_before()
            ways[number] = record

    async def _name(self, gateway: str, number: int) -> None:
        mac = _MAC.format(*number.to_bytes(4, "big"))
        await self._netlink.neigh(
            "replace", dst=gateway, lladdr=mac, ifindex=self._ifindex, state=NUD_PERMANENT
        )
