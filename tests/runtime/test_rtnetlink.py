"""Rules, neighbors and routes as vc5d reads them itself: what pyroute2 reads there."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import wire as wires
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError
from vc5d.network import rtnetlink
from wire import Wire

pytestmark = pytest.mark.lab
FAMILIES = (socket.AF_INET, socket.AF_INET6)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


@pytest.fixture
def crowded(wire: Wire) -> Iterator[None]:
    """Some of each, with every attribute that is read."""
    made = [
        "rule add priority 29801 fwmark 0x5c500001 lookup 0x5c500001",
        "-6 rule add priority 29801 fwmark 0x5c500001 lookup 0x5c500001",
        "rule add priority 29803 nop",
        "rule add priority 29800 not fwmark 0x5c500000/0xfff00000 goto 29803",
        "route add 203.0.113.0/24 via 10.66.10.11 dev eth10 metric 7 mtu 1300",
        "route add 198.51.100.0/24 via inet6 fd66:10::11 dev eth10",
        "route add default via 10.66.10.11 dev eth10 table 300 proto 205",
        "neigh replace 10.66.10.77 lladdr 02:00:00:00:00:77 dev eth10 nud permanent",
    ]
    for words in made:
        subprocess.run(["ip", *words.split()], check=True)
    yield
    for words in reversed(made):
        subprocess.run(
            ["ip", *words.replace(" add ", " del ").replace(" replace ", " del ").split()], check=True
        )


@pytest.mark.parametrize("kind", rtnetlink.KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_dumps_are_those_of_pyroute2(crowded: None, kind: str, family: int) -> None:
    with IPRoute(strict_check=True) as theirs:
        known = [of_pyroute2(kind, each) for each in getattr(theirs, kind)("dump", family=family)]
    found = rtnetlink.dump(kind, family)
    assert found
    assert as_text(found) == as_text(known)


def as_text(messages: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(each.items())) for each in messages)


def of_pyroute2(kind: str, message: Any) -> dict[str, Any]:
    fields = {name: message[name] for name in rtnetlink.KINDS[kind].fields}
    attributes = {name.partition("_")[2].lower(): value for name, value in message["attrs"]}
    attributes["mtu"] = dict(attributes.get("metrics", {"attrs": []})["attrs"]).get("RTAX_MTU")
    attributes["via"] = attributes.get("via", {}).get("addr")
    names = (name for name, _ in rtnetlink.KINDS[kind].attributes.values())
    return fields | {name: attributes[name] for name in names if attributes.get(name) is not None}


def test_routes_of_one_table(crowded: None) -> None:
    (route,) = rtnetlink.dump("route", socket.AF_INET, table=300)
    assert (route["gateway"], route["proto"], route["table"]) == ("10.66.10.11", 205, 300)


def test_the_route_to_each_address(crowded: None) -> None:
    found = rtnetlink.routes_to(["10.66.10.11", "203.0.113.9", "198.51.100.9", "fd66:10::11", "192.0.2.222"])
    direct, routed, by_other_family, direct6, none = found.values()
    assert isinstance(direct, dict)
    assert "gateway" not in direct
    assert direct["prefsrc"] == "10.66.10.1"
    assert isinstance(routed, dict)
    assert (routed["gateway"], routed["mtu"], routed["oif"]) == ("10.66.10.11", 1300, direct["oif"])
    assert isinstance(by_other_family, dict)
    assert by_other_family["via"] == "fd66:10::11"
    assert isinstance(direct6, dict)
    assert direct6["oif"] == direct["oif"]
    assert isinstance(none, NetlinkError)
