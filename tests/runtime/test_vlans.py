"""Which interface a real is behind, by which interface packets to it leave, and with which tag."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import wire as wires
from vc5d.network.netlink import open_netlink
from vc5d.network.trunks import Device, Trunks
from vc5d.network.vlans import HostAddress, Missing, Place, Places, find, host_addresses, vlan_interfaces
from wire import Wire

# eth0 and eth1 are trunks; eth2 and eth3 are ports of bond0. VLAN devices lie on eth0, eth1 and bond0.
DEVICES = {
    each.index: each
    for each in (
        Device(1, "eth0"),
        Device(2, "eth1"),
        Device(3, "eth2", master=5),
        Device(4, "eth3", master=5),
        Device(5, "bond0"),
        Device(10, "eth0.10", below=1, vlan=10),
        Device(20, "eth1.20", below=2, vlan=20),
        Device(11, "eth1.10", below=2, vlan=10),
        Device(30, "bond0.30", below=5, vlan=30),
        Device(40, "elsewhere.40", below=99, vlan=40),
    )
}


def of(address: str, *indexes: int) -> list[HostAddress]:
    """Host addresses 10.1.X.n like `address`, one on each interface."""
    return [
        HostAddress(each, DEVICES[each].name, f"{address}{number}") for number, each in enumerate(indexes, 1)
    ]


def place(vlan: int, attached: set[int], *interfaces: int) -> Place | Missing:
    """Where VLAN `vlan` is, with the program on `attached` and an address in its prefix on `interfaces`."""
    trunks = Trunks(DEVICES, frozenset(attached))
    names = frozenset(DEVICES[each].name for each in attached)
    return vlan_interfaces({vlan: "10.1.5.0/24"}, of("10.1.5.", *interfaces), names, trunks)[vlan]


def test_without_a_view_of_what_lies_under_an_interface_frames_carry_the_tag() -> None:
    addresses = [
        HostAddress(2, "eth0", "203.0.113.1"),
        HostAddress(3, "eth0.10", "10.1.10.1"),
        HostAddress(4, "eth1", "10.1.20.1"),
    ]
    vlans = {10: "10.1.10.254/24", 20: "10.1.20.0/24", 30: "10.1.30.0/24"}
    assert vlan_interfaces(vlans, addresses, frozenset({"eth0", "eth1"})) == {
        10: Place(3, "eth0.10", "10.1.10.1", 10),
        20: Place(4, "eth1", "10.1.20.1", 0, out=4),
        30: Missing("no interface here has an address in VLAN 30 (10.1.30.0/24)"),
    }


@pytest.mark.parametrize(
    ("why", "vlan", "attached", "interfaces", "tag", "out"),
    [
        ("the only trunk: back out of it", 10, {1}, [10], 10, 0),
        ("one of two trunks has the VLAN: by that one", 20, {1, 2}, [20], 20, 2),
        ("both trunks have it: back out of either", 10, {1, 2}, [10, 11], 10, 0),
        ("two of three trunks have it: by the first", 10, {1, 2, 5}, [10, 11], 10, 1),
        ("the program is on the bond", 30, {5}, [30], 30, 0),
        ("the program is on the bond's ports", 30, {3, 4}, [30], 30, 0),
        ("… and on another trunk", 30, {1, 3, 4}, [30], 30, 3),
        ("untagged on a bond, the program on its ports", 50, {3, 4}, [5], 0, 0),
        ("untagged on a NIC of several", 50, {1, 2}, [2], 0, 2),
        ("over no interface that has the program", 40, {1}, [40], 40, 0),
    ],
)
def test_the_way_out(
    why: str, vlan: int, attached: set[int], interfaces: list[int], tag: int, out: int
) -> None:
    found = place(vlan, attached, *interfaces)
    assert isinstance(found, Place)
    assert (found.vlan, found.out) == (tag, out), why
    assert found.ifindex == interfaces[0]


def test_the_vlan_ids_of_this_host() -> None:
    assert Trunks(DEVICES, frozenset({1})).vlan_ids() == {10}
    assert Trunks(DEVICES, frozenset({1, 2, 3})).vlan_ids() == {10, 20, 30}
    assert Trunks(DEVICES, frozenset({99})).vlan_ids() == {40}
    assert Trunks().vlan_ids() == frozenset()


def test_a_stack_without_end_is_left() -> None:
    loop = {1: Device(1, "a", below=2), 2: Device(2, "b", below=1)}
    assert Trunks(loop, frozenset({3})).ports(1) == frozenset()


def stack(*devices: Device) -> dict[int, Device]:
    return {each.index: each for each in devices}


A, B, C, VRRP = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c", "00:00:5e:00:01:07"
NIC, OTHER = Device(1, "eth0", mac=A), Device(2, "eth1", mac=B)


@pytest.mark.parametrize(
    ("why", "devices", "attached", "macs"),
    [
        ("a NIC, and not the other one", [NIC, OTHER], {1}, {(1, A)}),
        ("each of two", [NIC, OTHER], {1, 2}, {(1, A), (2, B)}),
        ("a VLAN device with a MAC of its own", [NIC, Device(3, "eth0.10", 1, mac=C)], {1}, {(1, A), (1, C)}),
        (
            "VRRP's macvlan over a VLAN device",
            [NIC, OTHER, Device(3, "eth0.10", 1, mac=A), Device(4, "vrrp.7", 3, mac=VRRP)],
            {1, 2},
            {(1, A), (1, VRRP), (2, B)},
        ),
        ("the VLAN device that the program is on", [NIC, Device(3, "eth0.10", 1, mac=C)], {3}, {(3, C)}),
        (
            "a bond's ports, whether the program is on them",
            [
                Device(1, "eth0", master=5, mac=A),
                Device(2, "eth1", master=5, mac=B),
                Device(5, "bond0", mac=C, kind="bond"),
                Device(6, "bond0.30", 5, mac=VRRP),
            ],
            {1, 2},
            {(port, mac) for port, own in ((1, A), (2, B)) for mac in (own, C, VRRP)},
        ),
        (
            "… or on the bond: then frames come by its ports, or by it in generic mode",
            [
                Device(1, "eth0", master=5, mac=A),
                Device(2, "eth1", master=5, mac=A),
                Device(5, "bond0", mac=A, kind="bond"),
                Device(6, "bond0.30", 5, mac=VRRP),
            ],
            {5},
            {(entry, mac) for entry in (1, 2, 5) for mac in (A, VRRP)},
        ),
        (
            "a bridge with a guest, whose frames are not this host's",
            [
                Device(1, "eth0", master=5, mac=A),
                Device(5, "br0", mac=B, kind="bridge"),
                Device(6, "tap0", master=5, mac=C),
            ],
            {1},
            {(1, A), (1, B)},
        ),
        (
            "Open vSwitch, of which nothing is to be seen: all that there are",
            [
                Device(1, "eth0", master=5, mac=A),
                Device(5, "ovs-system", mac=B, kind="openvswitch"),
                Device(6, "br0", mac=C, kind="openvswitch"),
            ],
            {1},
            {(1, A), (1, B), (1, C)},
        ),
        ("an interface without a MAC: then nothing is known", [NIC, Device(2, "tun0")], {1, 2}, set()),
        ("one that is away at the moment", [NIC], {1, 9}, {(1, A)}),
        ("none", [NIC], set(), set()),
    ],
)
def test_the_macs_that_are_this_hosts(
    why: str, devices: list[Device], attached: set[int], macs: set[tuple[int, str]]
) -> None:
    assert Trunks(stack(*devices), frozenset(attached)).own_macs() == macs, why


def test_macs_of_a_stack_without_end() -> None:
    loop = stack(Device(1, "a", below=2, mac=A), Device(2, "b", below=1, mac=B))
    assert Trunks(loop, frozenset({1})).own_macs() == {(1, A), (1, B)}


def test_each_family_has_its_vlans() -> None:
    addresses = [HostAddress(10, "eth0.10", "10.1.10.1"), HostAddress(10, "eth0.10", "fd10::1")]
    assert vlan_interfaces({10: "fd10::/64"}, addresses, frozenset()) == {
        10: Place(10, "eth0.10", "fd10::1", 10)
    }
    assert vlan_interfaces({10: "10.1.10.0/24"}, addresses, frozenset()) == {
        10: Place(10, "eth0.10", "10.1.10.1", 10)
    }


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


def found(document: Any, attached: set[str]) -> Places:
    async def main() -> Places:
        async with open_netlink() as netlink:
            return await find(netlink, document, await host_addresses(netlink), frozenset(attached))

    return asyncio.run(main())


def document(neighbors: dict[str, int | None]) -> Any:
    return SimpleNamespace(
        vlans={10: "10.66.10.0/24"},
        vlans6={10: "fd66:10::/64"},
        neighbors={real: SimpleNamespace(vlan=vlan) for real, vlan in neighbors.items()},
    )


@pytest.mark.lab
def test_reals_of_both_families_are_found_on_the_wire(wire: Wire) -> None:
    wanted = {"10.66.10.11": 10, "fd66:10::11": 10, "10.66.20.11": None, "fd66:10::12": None, "fd99::1": None}
    places = found(document(wanted), {"eth20"})
    index = socket.if_nametoindex("eth20")
    assert [getattr(each, "ifname", each) for each in list(places.values())[:4]] == [
        "eth10",
        "eth10",
        "eth20",
        "eth10",
    ]
    assert getattr(places["fd66:10::11"], "source", "") == "fd66:10::1"
    assert getattr(places["fd66:10::12"], "source", "") == "fd66:10::1"
    assert getattr(places["10.66.20.11"], "out", 0) == index
    assert isinstance(places["fd99::1"], Missing)


@pytest.mark.lab
def test_loopback_and_link_local_addresses_are_no_way_to_a_real(wire: Wire) -> None:
    addresses = found_addresses()
    assert "10.66.10.1" in addresses
    assert not [each for each in addresses if each.startswith(("127.", "fe80:", "::1"))]


def found_addresses() -> list[str]:
    async def main() -> list[str]:
        async with open_netlink() as netlink:
            return [each.address for each in await host_addresses(netlink)]

    return asyncio.run(main())
