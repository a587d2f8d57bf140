"""Reals in other networks, in the maps: what the document and the routes make of struct real."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest
from support.documents import Spec, document
from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey
from vc5d.document.fields import Fault
from vc5d.errors import Vc5Error
from vc5d.network.hops import Hop
from vc5d.xdp.layout import RealState
from vc5d.xdp.maps import Capacity, Maps

WEB, WEB6, PLAIN = "192.168.101.1:80:tcp", "2001:db8:101::1:80:tcp", "192.168.101.2:80:tcp"
NEAR, FAR, FAR6 = "10.1.10.7", "10.77.0.9", "2001:db8:77::9"
MAC, ROUTER = "02:00:00:00:00:07", "02:00:00:00:00:01"
HOP = Hop(ROUTER, 20, 5, "10.1.20.1", 1500)
CAPACITY = Capacity(64, 64, 8, 256, 512, 16, 128, 1024, 1024)


def tunnelled(**tunnels: dict[str, object]) -> Document:
    """WEB and WEB6 as `tunnels` has them; PLAIN in layer 2, to the same near real."""
    names = {"web": (WEB, [NEAR, FAR, FAR6]), "web6": (WEB6, [FAR])}
    services = {names[name][0]: dict.fromkeys(names[name][1], 1) for name in tunnels}
    options = {names[name][0]: given for name, given in tunnels.items()}
    return document(Spec(services | {PLAIN: {NEAR: 1}}, macs={NEAR: MAC}, service_extra=options))


GUE: dict[str, object] = {"tunnel-type": "gue", "tunnel-port": 6080}


@pytest.fixture
def plane() -> Dataplane:
    return Dataplane(Maps.in_memory(CAPACITY), clock=time.monotonic_ns)


def entry(plane: Dataplane, name: str, address: str) -> tuple[int, int, int]:
    """link, ifindex, tunnel"""
    address_of, port, protocol = name.rsplit(":", 2)
    service = plane.state.services[ServiceKey(address_of, int(port), protocol)]
    record = plane.maps.reals[service.block.base + service.reals[address].index]
    return int(record["link"]), int(record["ifindex"]), int(record["tunnel"])


def link(mac: str, vlan: int, away: bool = True) -> int:
    raw = bytes.fromhex(mac.replace(":", "")) + vlan.to_bytes(2, "big")
    return int.from_bytes(raw, "little") | (1 << 52 if away else 0)


def word(kind: int, six: bool = False, port: int = 0, dscp: int = 0, mtu: int = 0, source: int = 0) -> int:
    return kind | six << 4 | dscp << 8 | socket.htons(port) << 16 | mtu << 32 | source << 48


def test_nothing_is_sent_before_the_way_is_known(plane: Dataplane) -> None:
    plane.apply(tunnelled(web=GUE))
    assert entry(plane, WEB, FAR) == (0, 0, word(4, port=6080))
    assert entry(plane, WEB, FAR6) == (0, 0, word(4, six=True, port=6080))
    plane.set_link(NEAR, MAC, 0)
    assert entry(plane, PLAIN, NEAR) == (link(MAC, 0, away=False), 0, 0)
    assert entry(plane, WEB, NEAR)[0] == 0, "a real's own MAC is of layer 2"


def test_a_route(plane: Dataplane) -> None:
    plane.apply(tunnelled(web=GUE, web6={"tunnel-type": "ipip"}))
    plane.set_route(FAR, HOP)
    plane.set_route(FAR6, Hop(ROUTER, 0, 0, "2001:db8:20::1", 9000))
    assert entry(plane, WEB, FAR) == (link(ROUTER, 20), 5, word(4, port=6080, mtu=1500 - 32, source=1))
    assert entry(plane, WEB6, FAR) == (link(ROUTER, 20), 5, word(1, mtu=1480, source=1))
    six = entry(plane, WEB, FAR6)
    assert six == (link(ROUTER, 0), 0, word(4, six=True, port=6080, mtu=9000 - 52, source=2))
    sources = [bytes(record["addr"]) for record in plane.maps.tunnel_sources[:4]]
    mapped = bytes(10) + b"\xff\xff" + socket.inet_aton("10.1.20.1")
    assert sources == [bytes(16), mapped, socket.inet_pton(socket.AF_INET6, "2001:db8:20::1"), bytes(16)]
    assert entry(plane, PLAIN, NEAR)[2] == 0
    plane.set_route(FAR, Hop(None, 20, 5, "10.1.20.1", 1400))
    assert entry(plane, WEB, FAR)[0] == link(ROUTER, 20), "the last known next hop stays"
    assert entry(plane, WEB, FAR)[2] == word(4, port=6080, mtu=1400 - 32, source=1)
    plane.set_route(FAR, Hop(None, 30, 5, "10.1.20.1", 1400))
    assert entry(plane, WEB, FAR)[0] == 0, "but not in another VLAN"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tunnel-type": "ipip"}, word(1, mtu=1480, source=1)),
        ({"tunnel-type": "gre"}, word(2, mtu=1476, source=1)),
        ({"tunnel-type": "fou", "tunnel-port": 5555}, word(3, port=5555, mtu=1472, source=1)),
        ({**GUE, "tunnel-mtu": 1400}, word(4, port=6080, mtu=1368, source=1)),
        ({**GUE, "tunnel-mtu": 9000}, word(4, port=6080, mtu=1468, source=1)),
    ],
)
def test_what_fits(plane: Dataplane, given: dict[str, object], expected: int) -> None:
    plane.apply(tunnelled(web=given))
    plane.set_route(FAR, HOP)
    assert entry(plane, WEB, FAR)[2] == expected


def test_another_tunnel_by_another_document(plane: Dataplane) -> None:
    plane.apply(tunnelled(web=GUE))
    plane.set_route(FAR, HOP)
    plane.set_state(ServiceKey("192.168.101.1", 80, "tcp"), FAR, RealState.ACCEPTING)
    plane.apply(tunnelled(web={"tunnel-type": "gre"}))
    assert entry(plane, WEB, FAR) == (link(ROUTER, 20), 5, word(2, mtu=1476, source=1))
    plain = {WEB: {NEAR: 1, FAR: 1}, PLAIN: {NEAR: 1}}
    plane.apply(document(Spec(plain, macs={NEAR: MAC})))
    assert entry(plane, WEB, NEAR) == (link(MAC, 0, away=False), 0, 0)
    assert entry(plane, WEB, FAR) == (0, 0, 0)
    assert entry(plane, WEB, FAR6)[2] == word(2, six=True), "one that drains keeps its tunnel"
    plane.set_route(FAR6, Hop(ROUTER, 0, 3, "2001:db8:20::1", 9000))
    assert entry(plane, WEB, FAR6)[:2] == (link(ROUTER, 0), 3), "and follows its route"
    plane.apply(tunnelled(web=GUE))
    assert entry(plane, WEB, FAR) == (link(ROUTER, 20), 5, word(4, port=6080, mtu=1468, source=1))


def test_over_a_restart(plane: Dataplane) -> None:
    plane.apply(tunnelled(web=GUE))
    plane.set_route(FAR, HOP)
    before = plane.maps.reals.copy()
    again = Dataplane(plane.maps, clock=time.monotonic_ns)
    assert (again.maps.reals["tunnel"] == before["tunnel"]).all()
    again.apply(tunnelled(web=GUE))
    assert entry(again, WEB, FAR) == (link(ROUTER, 20), 5, word(4, port=6080, mtu=1468, source=1))
    again.set_route(FAR, HOP)
    assert entry(again, WEB, FAR)[2] >> 48 == 1, "the same source, once"


def test_more_sources_than_there_is_room_for(plane: Dataplane) -> None:
    plane.apply(tunnelled(web=GUE))
    for n in range(600):
        plane.set_route(FAR, Hop(ROUTER, 20, 5, f"10.1.{n // 250}.{n % 250}", 1500))
        index = entry(plane, WEB, FAR)[2] >> 48
        assert bytes(plane.maps.tunnel_sources[index]["addr"])[12:] == bytes([10, 1, n // 250, n % 250])
    assert (np.array(plane.maps.tunnel_sources[0]["addr"]) == 0).all()


def test_marking(plane: Dataplane) -> None:
    plain = {WEB: {NEAR: 1, FAR: 1}}
    given = {WEB: {"tunnel-type": "dscp", "tunnel-dscp": 41}}
    plane.apply(document(Spec(plain, macs={NEAR: MAC}, service_extra=given)))
    plane.set_route(FAR, HOP)
    assert entry(plane, WEB, FAR) == (link(ROUTER, 20), 5, word(5, dscp=41, source=1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tunnel-type": "l2tp"}, "none of"),
        ({"tunnel-type": "gue"}, "tunnel-port"),
        ({"tunnel-type": "gue", "tunnel-port": 0}, "tunnel-port"),
        ({"tunnel-type": "dscp"}, "tunnel-dscp"),
        ({"tunnel-type": "dscp", "tunnel-dscp": 64}, "tunnel-dscp"),
        ({"tunnel-type": "gre", "tunnel-mtu": 575}, "tunnel-mtu"),
    ],
)
def test_documents_that_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(Fault, match=message):
        tunnelled(web=given)


def test_a_mark_crosses_no_families(plane: Dataplane) -> None:
    with pytest.raises(Vc5Error, match="other address family"):
        plane.apply(tunnelled(web={"tunnel-type": "dscp", "tunnel-dscp": 1}))
