"""Next hops to reals in other networks, by a real kernel's routes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
import wire as wires
from vc5d.network.hops import Route, find_routes, source_for
from vc5d.network.netlink import open_netlink
from vc5d.network.vlans import Missing, Place
from wire import REAL1, REAL1_6, REAL2, Wire, output

pytestmark = pytest.mark.lab
FAR, FAR6 = "10.77.0.9", "2001:db8:77::9"


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


def found(*reals: str, attached: frozenset[str] = frozenset()) -> dict[str, Route | Missing]:
    async def ask() -> dict[str, Route | Missing]:
        async with open_netlink() as netlink:
            return await find_routes(netlink, reals, attached)

    return asyncio.run(ask())


def route_to(real: str, **more: frozenset[str]) -> Route:
    route = found(real, **more)[real]
    assert isinstance(route, Route), route
    return route


def mac_of(ifname: str) -> str:
    return output("ip", "-br", "link", "show", ifname).split()[2]


def test_on_the_same_network(wire: Wire) -> None:
    route = route_to(REAL1)
    index = socket.if_nametoindex("eth10")
    assert route == Route(REAL1, Place(index, "eth10", "10.66.10.1", 0), 1500, mac_of("eth10"))
    six = route_to(REAL1_6)
    assert (six.hop, six.place.source) == (REAL1_6, "fd66:10::1")
    attached = route_to(REAL2, attached=frozenset({"eth20"}))
    assert attached.place.out == socket.if_nametoindex("eth20"), "the program sends by its own interface"


def test_behind_a_router_that_changes(wire: Wire) -> None:
    missing = found(FAR)[FAR]
    assert isinstance(missing, Missing)
    assert "no route" in missing.why
    output("ip", "route", "add", "10.77.0.0/16", "via", REAL1)
    output("ip", "-6", "route", "add", "2001:db8:77::/48", "via", REAL1_6)
    assert (route_to(FAR).hop, route_to(FAR).place.source) == (REAL1, "10.66.10.1")
    assert (route_to(FAR6).hop, route_to(FAR6).mtu) == (REAL1_6, 1500)
    output("ip", "route", "replace", "10.77.0.0/16", "via", REAL2, "mtu", "1400")
    changed = route_to(FAR)
    assert (changed.hop, changed.place.ifname, changed.mtu) == (REAL2, "eth20", 1400)
    output("ip", "route", "replace", "10.77.0.0/16", "via", "inet6", REAL1_6, "dev", "eth10")
    assert route_to(FAR).hop == REAL1_6, "a router of the other family"
    output("ip", "link", "set", "eth20", "mtu", "1300")
    assert route_to(REAL2).mtu == 1300
    assert isinstance(found("127.0.0.1")["127.0.0.1"], Missing)


def test_whom_answers_come_to() -> None:
    route = Route("10.1.1.1", Place(3, "eth0", "10.1.1.2", 0), 1500, "02:00:00:00:00:01")
    addresses = [("eth1", "2001:db8::1"), ("eth0", "2001:db8:1::2"), ("eth0", "10.1.1.2")]
    assert source_for(socket.AF_INET, route, addresses) == "10.1.1.2"
    assert source_for(socket.AF_INET6, route, addresses) == "2001:db8:1::2"
    assert source_for(socket.AF_INET6, route, addresses[:1]) == "2001:db8::1"
    assert source_for(socket.AF_INET6, route, []) is None
