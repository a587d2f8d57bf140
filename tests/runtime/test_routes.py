"""The announced VIPs in the kernel's private table, and what becomes of them when vc5d dies."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import wire as wires
from pyroute2.netlink.exceptions import NetlinkError
from vc5d.announce.routes import Announcer
from vc5d.errors import Vc5Error
from vc5d.network.netlink import open_netlink
from wire import Wire, output, until

pytestmark = pytest.mark.lab

_ANNOUNCE_AND_WAIT = """
import asyncio
from vc5d.network.netlink import open_netlink
from vc5d.announce.routes import Announcer
async def main():
    async with open_netlink() as netlink:
        announcer = Announcer(netlink, "vc5", 205)
        await announcer.start()
        await announcer.announce(frozenset({"192.0.2.1"}))
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


def table(family: str = "-4") -> list[str]:
    lines = output("ip", family, "route", "show", "table", "all").splitlines()
    return [" ".join(line.split()) for line in lines if "table 205" in line]


def run(work: Callable[[Announcer], Awaitable[None]]) -> None:
    async def main() -> None:
        async with open_netlink() as netlink:
            announcer = Announcer(netlink, "vc5", 205)
            await announcer.start()
            try:
                await work(announcer)
            finally:
                await announcer.stop()

    asyncio.run(main())
    assert table() == table("-6") == []
    assert ": vc5:" not in output("ip", "link")


def test_routes_come_and_go(wire: Wire) -> None:
    async def work(announcer: Announcer) -> None:
        assert table() == []
        await announcer.announce(frozenset({"192.0.2.1", "192.0.2.2"}))
        assert table() == [f"192.0.2.{n} dev vc5 table 205 proto 205 scope link" for n in (1, 2)]
        await announcer.announce(frozenset({"192.0.2.2"}))
        assert announcer.announced == {"192.0.2.2"}
        assert table() == ["192.0.2.2 dev vc5 table 205 proto 205 scope link"]

    run(work)


def test_ipv6_routes_come_and_go(wire: Wire) -> None:
    async def work(announcer: Announcer) -> None:
        both = frozenset({"192.0.2.1", "2001:db8::1", "2001:db8::2"})
        await announcer.announce(both)
        assert announcer.announced == both
        assert [line.split()[0] for line in table("-6")] == ["2001:db8::1", "2001:db8::2"]
        assert all(" dev vc5 table 205 proto 205 " in line for line in table("-6"))
        await announcer.announce(both - {"2001:db8::1"})
        assert [line.split()[0] for line in table("-6")] == ["2001:db8::2"]
        assert len(table()) == 1

    run(work)


def test_a_vip_that_is_about_to_go_says_so(wire: Wire) -> None:
    """By another protocol of its route, in one step: it is never gone meanwhile."""

    async def work(announcer: Announcer) -> None:
        both = frozenset({"192.0.2.1", "2001:db8::1"})
        await announcer.announce(both)
        await announcer.announce(both, leaving=both)
        assert announcer.leaving == both
        for family in ("-4", "-6"):
            assert [" proto 206 " in line for line in table(family)] == [True]
        await announcer.announce(both, leaving=frozenset({"2001:db8::1"}))
        assert announcer.leaving == {"2001:db8::1"}
        assert " proto 205 " in table("-4")[0]
        assert " proto 206 " in table("-6")[0]
        await announcer.announce(both)
        assert announcer.leaving == frozenset()

    run(work)


def test_a_family_that_the_kernel_refuses_does_not_keep_the_other_back(wire: Wire) -> None:
    async def work(announcer: Announcer) -> None:
        Path("/proc/sys/net/ipv6/conf/vc5/disable_ipv6").write_text("1")
        with pytest.raises(NetlinkError):
            await announcer.announce(frozenset({"2001:db8::1", "192.0.2.1"}))
        assert announcer.announced == {"192.0.2.1"}
        Path("/proc/sys/net/ipv6/conf/vc5/disable_ipv6").write_text("0")
        await announcer.announce(frozenset({"2001:db8::1", "192.0.2.1"}))
        assert len(announcer.announced) == 2

    run(work)


def test_what_others_did_is_repaired(wire: Wire) -> None:
    async def work(announcer: Announcer) -> None:
        await announcer.announce(frozenset({"192.0.2.1"}))
        output("ip", "route", "del", "192.0.2.1", "table", "205")
        output("ip", "route", "add", "192.0.2.9", "dev", "vc5", "table", "205", "proto", "205")
        output("ip", "route", "add", "192.0.2.10", "dev", "eth10", "table", "205", "proto", "205")
        output("ip", "route", "add", "192.0.2.11", "dev", "eth10", "table", "205", "proto", "static")
        await announcer.announce(frozenset({"192.0.2.1"}))
        assert [line.split()[0] for line in table()] == ["192.0.2.1", "192.0.2.11"]
        output("ip", "route", "del", "192.0.2.11", "table", "205")

    run(work)


def test_a_dead_daemon_leaves_nothing(wire: Wire) -> None:
    daemon = wire.start(wire.lb, sys.executable, "-c", _ANNOUNCE_AND_WAIT)
    until(lambda: len(table()) == 1)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    until(lambda: table() == [] and ": vc5:" not in output("ip", "link"), timeout=2)


def test_the_device_of_another_is_refused(wire: Wire) -> None:
    daemon = wire.start(wire.lb, sys.executable, "-c", _ANNOUNCE_AND_WAIT)
    until(lambda: len(table()) == 1)
    with pytest.raises(Vc5Error, match="vc5 is held by another process"):
        run(lambda announcer: asyncio.sleep(0))
    assert len(table()) == 1
    daemon.kill()
    daemon.wait()


def test_a_device_that_is_no_tun_is_refused(wire: Wire) -> None:
    subprocess.run(["ip", "link", "add", "vc5", "type", "veth", "peer", "name", "other"], check=True)
    with pytest.raises(Vc5Error, match="no TUN device"):
        run(lambda announcer: asyncio.sleep(0))
    output("ip", "link", "del", "vc5")
