"""Policy routing for the checks: what is set, what is left alone, what is removed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator

import pytest
import wire as wires
from vc5d.health.marks import BASE, Paths
from vc5d.health.target import Target
from vc5d.network.netlink import open_netlink
from vc5d.network.vlans import Missing, Place, host_addresses, vlan_interfaces
from wire import REAL1, REAL1_6, REAL2, REAL2_6, VIP, VIP6, Wire, output

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


@pytest.fixture(autouse=True)
def _nothing_is_left(wire: Wire) -> Iterator[None]:
    for number in (10, 20):  # gone once the interface has been down
        output("ip", "address", "replace", f"fd66:{number}::1/64", "dev", f"eth{number}", "nodad")
    yield
    assert rules() == ["0:", "32766:", "32767:"]
    assert rules("-6") == ["0:", "32766:"]
    assert "table 15487" not in output("ip", "route", "show", "table", "all")


def rules(*family: str) -> list[str]:
    return [line.split()[0] for line in output("ip", *family, "rule").splitlines()]


def run(work: Callable[[Paths, dict[str, Place | Missing]], Awaitable[None]], ipv6: bool = False) -> None:
    async def main() -> None:
        async with open_netlink() as netlink:
            addresses = await host_addresses(netlink)
            places = vlan_interfaces(wires.VLANS, addresses, frozenset())
            places6 = vlan_interfaces(wires.VLANS6, addresses, frozenset())
            paths = Paths(netlink)
            try:
                await paths.start()
                reals = {REAL1: places[10], REAL2: places[20]}
                await work(paths, reals | {REAL1_6: places6[10], REAL2_6: places6[20]} if ipv6 else reals)
            finally:
                await paths.stop()

    asyncio.run(main())


def way(mark: int, vip: str = VIP) -> str:
    """Where the kernel would send a packet for the VIP with this mark (0: none)."""
    try:
        return output("ip", "route", "get", vip, *(["mark", str(mark)] if mark else []))
    except Exception:
        return "nowhere"


def test_each_mark_leads_to_its_real(wire: Wire) -> None:
    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        await paths.update(places)
        for real, device, source in ((REAL1, "eth10", "10.66.10.1"), (REAL2, "eth20", "10.66.20.1")):
            target = paths.target(real, VIP)
            assert isinstance(target, Target)
            assert target.source == source
            assert f"via {real} dev {device}" in way(target.mark)

    run(work)


def test_an_unknown_mark_goes_nowhere_and_no_mark_follows_the_other_rules(wire: Wire) -> None:
    output("ip", "route", "add", "default", "via", REAL2)
    output("ip", "rule", "add", "to", VIP, "lookup", "77", "priority", "30000")
    output("ip", "route", "add", "default", "via", REAL1, "table", "77")

    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        await paths.update(places)
        assert way(BASE + 999) == "nowhere"
        assert f"via {REAL1}" in way(0), "an administrator's later rule keeps its say"

    try:
        run(work)
    finally:
        output("ip", "route", "del", "default")
        output("ip", "rule", "del", "priority", "30000")


def test_what_a_crash_left_is_removed_and_nothing_else(wire: Wire) -> None:
    output("ip", "rule", "add", "fwmark", str(BASE + 7), "lookup", str(BASE + 7), "priority", "29801")
    output("ip", "route", "add", "default", "via", REAL1, "table", str(BASE + 7))
    output("ip", "rule", "add", "fwmark", "1", "lookup", "77", "priority", "29000")

    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        assert rules() == ["0:", "29000:", "29800:", "29802:", "29803:", "32766:", "32767:"]
        assert str(BASE + 7) not in output("ip", "route", "show", "table", "all")

    try:
        run(work)
    finally:
        output("ip", "rule", "del", "priority", "29000")


def test_a_route_that_vanished_is_put_back_and_marks_stay(wire: Wire) -> None:
    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        await paths.update(places)
        before = [paths.target(real, VIP) for real in places]
        target = before[0]
        assert isinstance(target, Target)
        output("ip", "link", "set", "eth10", "down")
        output("ip", "link", "set", "eth10", "up")
        output("ip", "rule", "del", "fwmark", str(target.mark))
        assert way(target.mark) == "nowhere"
        await paths.update(places, repair=True)
        assert f"via {REAL1}" in way(target.mark)
        assert [paths.target(real, VIP) for real in places] == before

    run(work)


def test_a_real_that_leaves_takes_its_rule_along(wire: Wire) -> None:
    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        await paths.update(places)
        gone = paths.target(REAL1, VIP)
        assert isinstance(gone, Target)
        await paths.update({REAL1: Missing("no interface here"), REAL2: places[REAL2]})
        assert paths.target(REAL1, VIP) == "no interface here"
        assert way(gone.mark) == "nowhere"
        assert rules().count("29801:") == 1
        back = {"10.66.10.12": places[REAL1], REAL2: places[REAL2]}
        await paths.update(back)
        reused = paths.target("10.66.10.12", VIP)
        assert isinstance(reused, Target)
        assert reused.mark == gone.mark
        assert "via 10.66.10.12 dev eth10" in way(reused.mark)
        assert rules().count("29801:") == 2

    run(work)


def test_rules_that_somebody_flushed_come_back_all_of_them(wire: Wire) -> None:
    """systemd-networkd removes the rules that it did not make, whenever it starts."""

    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        await paths.update(places)
        before = output("ip", "rule")
        target = paths.target(REAL1, VIP)
        assert isinstance(target, Target)
        for priority in ("29800", "29801", "29801", "29802", "29803"):
            output("ip", "rule", "del", "priority", priority)
        await paths.update(places)
        assert sorted(output("ip", "rule").splitlines()) == sorted(before.splitlines())
        assert f"via {REAL1}" in way(target.mark)
        assert way(BASE + 999) == "nowhere"

    run(work)


def test_ipv6_has_rules_and_routes_of_its_own(wire: Wire) -> None:
    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        assert rules("-6") == ["0:", "32766:"], "none while no real needs them"
        await paths.update(places)
        for real, device, source in ((REAL1_6, "eth10", "fd66:10::1"), (REAL2_6, "eth20", "fd66:20::1")):
            target = paths.target(real, VIP6)
            assert isinstance(target, Target)
            assert (target.source, target.family) == (source, socket.AF_INET6)
            found = way(target.mark, VIP6)
            assert f"via {real} dev {device}" in found
            assert f"src {source}" in found
            assert way(target.mark) == "nowhere", "not for IPv4"
        assert len({paths.target(real, VIP if "." in real else VIP6).mark for real in places}) == 4  # type: ignore[union-attr]
        assert way(BASE + 999, VIP6) == "nowhere"
        assert rules("-6") == ["0:", "29800:", "29801:", "29801:", "29802:", "29803:", "32766:"]
        assert "different address families" in str(paths.target(REAL1, VIP6))

    run(work, ipv6=True)


def test_ipv6_is_mended_and_cleared_too(wire: Wire) -> None:
    output("ip", "-6", "rule", "add", "fwmark", str(BASE + 7), "lookup", str(BASE + 7), "priority", "29801")
    output("ip", "-6", "route", "add", "default", "via", REAL1_6, "dev", "eth10", "table", str(BASE + 7))

    async def work(paths: Paths, places: dict[str, Place | Missing]) -> None:
        assert rules("-6") == ["0:", "32766:"], "what a crash left is gone"
        assert str(BASE + 7) not in output("ip", "-6", "route", "show", "table", "all")
        await paths.update(places)
        target = paths.target(REAL1_6, VIP6)
        assert isinstance(target, Target)
        output("ip", "link", "set", "eth10", "down")
        output("ip", "link", "set", "eth10", "up")
        output("ip", "address", "replace", "fd66:10::1/64", "dev", "eth10", "nodad")
        output("ip", "-6", "rule", "del", "priority", "29800")
        assert way(target.mark, VIP6) == "nowhere"
        await paths.update(places, repair=True)
        assert f"via {REAL1_6}" in way(target.mark, VIP6)
        assert rules("-6").count("29800:") == 1
        await paths.update({REAL1: places[REAL1], REAL1_6: Missing("gone"), REAL2_6: places[REAL2_6]})
        assert way(target.mark, VIP6) == "nowhere"
        assert rules("-6").count("29801:") == 1

    run(work, ipv6=True)
