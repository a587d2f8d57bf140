"""MACs of the reals, learned and followed in a real kernel."""

from __future__ import annotations

import asyncio
import errno
import subprocess
from collections.abc import Awaitable, Callable, Iterator

import pytest
import wire as wires
from pyroute2.netlink.exceptions import NetlinkError
from vc5d import log
from vc5d.network import neighbors as neighbors_module
from vc5d.network.neighbors import Link, Neighbors
from vc5d.network.netlink import open_netlink
from vc5d.network.vlans import Missing, Place, Places, host_addresses, vlan_interfaces
from wire import REAL1, REAL1_6, REAL2, Wire, output

pytestmark = pytest.mark.lab
NOBODY = "10.66.10.98"
PINNED = "02:00:00:00:00:aa"


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


class Seen:
    """What was passed on: the last (MAC, VLAN id) of each real; how often the host's interfaces moved."""

    def __init__(self) -> None:
        self.link: dict[str, tuple[str | None, int]] = {}
        self.moved = 0

    async def set_links(self, links: list[Link]) -> None:
        self.link.update({real: (mac, vlan) for real, mac, vlan in links})

    def on_moved(self) -> None:
        self.moved += 1

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(4):
            while not condition():
                await asyncio.sleep(0.02)


def run(work: Callable[[Neighbors, Seen, Places], Awaitable[None]]) -> None:
    async def main() -> None:
        async with open_netlink() as netlink:
            seen = Seen()
            neighbors = Neighbors(netlink, seen.set_links, seen.on_moved)
            await neighbors.start()
            places = vlan_interfaces(wires.VLANS, await host_addresses(netlink), frozenset({"eth20"}))
            try:
                await work(neighbors, seen, {REAL1: places[10], REAL2: places[20]})
            finally:
                await neighbors.stop()

    output("ip", "neigh", "flush", "all")
    asyncio.run(main())


def mac_of(netns: str) -> str:
    return output("ip", "-br", "link", "show", "eth0", netns=netns).split()[2]


def test_resolved_without_any_traffic(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        assert not neighbors.resolved(REAL1)
        await neighbors.follow(places, {})
        await seen.until(lambda: neighbors.resolved(REAL1) and neighbors.resolved(REAL2))
        assert seen.link[REAL1] == (mac_of(wire.real1), 10)
        assert seen.link[REAL2] == (mac_of(wire.real2), 0), "the VLAN is untagged on an attached interface"

    run(work)


def test_a_new_mac_is_followed(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {})
        await seen.until(lambda: neighbors.resolved(REAL1))
        output("ip", "link", "set", "eth0", "address", "02:00:00:00:00:01", netns=wire.real1)
        # The server says so itself, as after a failover (an ARP packet of its own will do).
        output("ip", "neigh", "flush", "all", netns=wire.real1)
        output("ip", "neigh", "replace", "10.66.10.1", "dev", "eth0", "use", netns=wire.real1)
        await seen.until(lambda: seen.link[REAL1] == ("02:00:00:00:00:01", 10))

    run(work)


def test_events_that_were_lost_are_the_last_that_are(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The socket overflows while the event loop stands still; afterwards a new MAC is followed as ever."""
    log.setup("info")
    monkeypatch.setattr(neighbors_module, "_UNTIL_CONFIRMED_AGAIN", 10_000)  # only events can tell

    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {})
        await seen.until(lambda: neighbors.resolved(REAL1))
        entry = f"10.66.10.99 lladdr {PINNED} dev eth10 nud permanent"
        flood = f"neigh replace {entry}\nneigh del 10.66.10.99 dev eth10\n" * 10_000
        subprocess.run(["ip", "-batch", "-"], input=flood, text=True, check=True)  # nobody reads meanwhile
        await seen.until(lambda: "No buffer space available" in capsys.readouterr().err)
        await asyncio.sleep(1.5)
        output("ip", "link", "set", "eth0", "address", "02:00:00:00:00:03", netns=wire.real1)
        output("ip", "neigh", "flush", "all", netns=wire.real1)
        output("ip", "neigh", "replace", "10.66.10.1", "dev", "eth0", "use", netns=wire.real1)
        await seen.until(lambda: seen.link[REAL1] == ("02:00:00:00:00:03", 10))

    run(work)


def test_a_full_table_is_not_the_reals_fault(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is one for the machine: to fill it would break whatever else runs here. So its answer is a
    stand-in's, for a neighbor that nobody answers for."""
    log.setup("info")

    async def full(*_: object, **__: object) -> None:
        raise NetlinkError(errno.ENOBUFS, "No buffer space available")

    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(neighbors._questions, "_kernel", full)
            await neighbors.follow({**places, NOBODY: places[REAL1]}, {})
            assert neighbors.unasked(NOBODY)
            assert "warning neighbor.full reals=" in capsys.readouterr().err
        await seen.until(lambda: not neighbors.unasked(NOBODY) and not neighbors.resolved(NOBODY))
        assert "neighbor.room" in capsys.readouterr().err

    run(work)


def test_a_thousand_doubts_at_once(wire: Wire) -> None:
    """As when a thousand reals fail at once: the socket answers, then and afterwards."""

    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {})
        await seen.until(lambda: neighbors.resolved(REAL1) and neighbors.resolved(REAL2))
        await asyncio.gather(*(neighbors._ask([REAL1, REAL2]) for _ in range(5000)))
        await neighbors.doubt(REAL1)
        await seen.until(lambda: neighbors.resolved(REAL1))

    run(work)


def test_a_mac_that_changed_silently_is_found_when_in_doubt(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {})
        await seen.until(lambda: neighbors.resolved(REAL1))
        output("ip", "link", "set", "eth0", "address", "02:00:00:00:00:02", netns=wire.real1)
        await asyncio.sleep(0.3)
        assert seen.link[REAL1][0] != "02:00:00:00:00:02", "nobody has said so"
        await neighbors.doubt(REAL1)
        await seen.until(lambda: seen.link[REAL1] == ("02:00:00:00:00:02", 10))

    run(work)


def test_an_entry_that_the_administrator_made_is_beyond_doubt(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        output("ip", "neigh", "replace", REAL1, "lladdr", PINNED, "dev", "eth10", "nud", "permanent")
        await neighbors.follow(places, {})
        await neighbors.doubt(REAL1)
        assert "PERMANENT" in output("ip", "neigh", "show", REAL1)
        assert seen.link[REAL1] == (PINNED, 10)
        output("ip", "neigh", "del", REAL1, "dev", "eth10")

    run(work)


def test_a_pinned_mac_wins(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {REAL1: PINNED})
        await seen.until(lambda: neighbors.resolved(REAL2))
        await asyncio.sleep(0.2)
        assert seen.link[REAL1] == (PINNED, 10)
        assert neighbors.resolved(REAL1)
        await neighbors.follow(places, {})
        assert seen.link[REAL1] == (mac_of(wire.real1), 10)

    run(work)


def test_a_pinned_mac_that_arp_contradicts_is_told(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info")

    def told() -> int:
        text = capsys.readouterr().err
        assert f"real={REAL2}" not in text.partition("neighbor.contradicted")[2].partition("\n")[0]
        return text.count(f"warning neighbor.contradicted real={REAL1} pinned={PINNED}")

    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {})
        await seen.until(lambda: neighbors.resolved(REAL1) and neighbors.resolved(REAL2))
        await neighbors.follow(places, {REAL1: mac_of(wire.real1).upper()})
        assert told() == 0
        await neighbors.follow(places, {REAL1: PINNED, REAL2: mac_of(wire.real2)})
        assert told() == 1
        await neighbors.follow(places, {REAL1: PINNED, REAL2: mac_of(wire.real2)})
        assert told() == 0, "once is enough"

    run(work)


def test_a_real_that_stops_answering_keeps_its_mac(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {})
        await seen.until(lambda: neighbors.resolved(REAL1))
        mac = seen.link[REAL1]
        output("ip", "neigh", "del", REAL1, "dev", "eth10")
        output("ip", "link", "set", "eth0", "arp", "off", netns=wire.real1)
        await seen.until(lambda: not neighbors.resolved(REAL1))
        await neighbors.follow(places, {})
        assert seen.link[REAL1] == mac
        output("ip", "link", "set", "eth0", "arp", "on", netns=wire.real1)

    run(work)


def test_a_real_that_is_nowhere_is_left_out(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow({**places, REAL1: Missing("no interface")}, {})
        assert REAL1 not in seen.link
        assert not neighbors.resolved(REAL1)

    run(work)


def test_addresses_that_come_are_told(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        before = seen.moved
        output("ip", "address", "add", "10.66.30.1/24", "dev", "eth20")
        await seen.until(lambda: seen.moved > before)
        output("ip", "address", "del", "10.66.30.1/24", "dev", "eth20")

    run(work)


def test_rules_that_go_are_told_and_rules_that_come_are_not(wire: Wire) -> None:
    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        before = seen.moved
        output("ip", "rule", "add", "lookup", "77", "priority", "29000")
        await asyncio.sleep(0.2)
        assert seen.moved == before
        output("ip", "rule", "del", "priority", "29000")
        await seen.until(lambda: seen.moved > before)

    run(work)


def test_after_lost_events_everything_is_looked_for_again(wire: Wire) -> None:
    """A burst while the loop is busy overflows the socket: among what is lost may be an interface's event."""

    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        await neighbors.follow(places, {})
        await asyncio.sleep(0.3)
        before = seen.moved
        change = "neigh replace 10.66.10.77 lladdr 02:00:00:00:00:0{} dev eth10"
        _batch([change.format(number % 10) for number in range(4000)])  # the loop does not run meanwhile
        await seen.until(lambda: seen.moved > before)
        output("ip", "neigh", "del", "10.66.10.77", "dev", "eth10")

    run(work)


def _batch(lines: list[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def test_an_ipv6_real_is_resolved_and_followed(wire: Wire) -> None:
    real = REAL1_6

    async def work(neighbors: Neighbors, seen: Seen, places: Places) -> None:
        async with open_netlink() as netlink:
            addresses = await host_addresses(netlink)
        place = vlan_interfaces({10: "fd66:10::/64"}, addresses, frozenset())[10]
        assert isinstance(place, Place)
        assert (place.ifname, place.source) == ("eth10", "fd66:10::1")
        await neighbors.follow({real: place}, {})
        await seen.until(lambda: neighbors.resolved(real))
        assert seen.link[real] == (mac_of(wire.real1), 10)
        await neighbors.follow({}, {})
        await neighbors.follow({real: place}, {})
        assert neighbors.resolved(real), "an entry that is there already makes no event"
        before = seen.moved
        output("ip", "address", "del", "fd66:10::1/64", "dev", "eth10")
        await seen.until(lambda: seen.moved > before)
        output("ip", "address", "add", "fd66:10::1/64", "dev", "eth10", "nodad")

    run(work)
