"""The checks against real servers that hold the VIP, through marked sockets and policy routing."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wire as wires
from vc5d.document import ServiceKey
from vc5d.health.checks import Check, Plan
from vc5d.health.marks import Paths
from vc5d.health.probers import Probers
from vc5d.health.state import Result, Rule
from vc5d.network.netlink import open_netlink
from vc5d.network.vlans import Missing, host_addresses, vlan_interfaces
from wire import REAL1, REAL2, SILENT, VIP, Wire, output

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    for made in wires.made():
        made.serve(made.real1, 80)  # real1: HTTP; real2: nothing listens
        yield made


UNASKED = "10.66.10.98"  # nobody has it, and the kernel could not even ask


class Directions(Paths):
    def resolved(self, real: str) -> bool:
        return real == REAL1

    def unasked(self, real: str) -> bool:
        return real == UNASKED


def with_probers(work: Callable[[Probers], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with open_netlink() as netlink:
            paths = Directions(netlink)
            await paths.start()
            places = vlan_interfaces(wires.VLANS, await host_addresses(netlink), frozenset())
            await paths.update(
                {
                    REAL1: places[10],
                    REAL2: places[20],
                    UNASKED: places[10],
                    "10.66.30.11": Missing("no such VLAN"),
                }
            )
            probers = Probers(paths)
            try:
                return await work(probers)
            finally:
                await probers.close()
                await paths.stop()

    return asyncio.run(main())


def probe(real: str, *checks: Check, vip: str = VIP, timeout: float = 1.0) -> Result:
    plan = Plan(ServiceKey(vip, 80, "tcp"), real, checks, Rule(), 1.0, timeout)
    result = with_probers(lambda probers: probers.round(plan))
    assert isinstance(result, Result)
    return result


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Check("http", 80, path="/alive"), Result(True, "HTTP 200")),
        (Check("http", 80, path="alive"), Result(True, "HTTP 200")),
        (Check("http", 80, path="/alive", method="HEAD"), Result(True, "HTTP 200")),
        (Check("http", 80, path="/x"), Result(False, "HTTP 503, expected 200")),
        (Check("http", 80, path="/x", expect=(200, 404)), Result(False, "HTTP 503, expected 200 or 404")),
        (Check("http", 80, path="/x", expect=(503,)), Result(True, "HTTP 503")),
        (Check("http", 80, path="/x", expect=(0,)), Result(True, "HTTP 503")),
        (Check("http", 81, path="/x", expect=(0,)), Result(False, "connection refused")),
        (Check("http", 80, path="/away"), Result(False, "HTTP 302, expected 200")),
        (Check("http", 80, path="/host"), Result(False, "HTTP 400, expected 200")),
        (Check("http", 80, path="/host", host="www.example.org"), Result(True, "HTTP 200")),
        (Check("http", 80, path="/slow"), Result(False, "no answer in 0.2 s")),
        (Check("http", 81), Result(False, "connection refused")),
        (Check("https", 80), Result(False, "TLS handshake failed: wrong version number")),
        (Check("tcp", 80), Result(True, "connected")),
        (Check("tcp", 81), Result(False, "connection refused")),
        (Check("syn", 80), Result(True, "SYN answered")),
        (Check("syn", 81), Result(False, "connection refused")),
    ],
    ids=lambda value: f"{value.type}-{value.port}{value.path}" if isinstance(value, Check) else value.reason,
)
def test_the_answer_in_words(wire: Wire, check: Check, expected: Result) -> None:
    assert probe(REAL1, check, timeout=0.2 if check.path == "/slow" else 1.0) == expected


@pytest.mark.parametrize("kind", ["http", "tcp", "syn"])
def test_a_real_that_drops_the_packet(wire: Wire, kind: str) -> None:
    assert probe(REAL1, Check(kind, 80), vip=SILENT, timeout=0.2) == Result(False, "no answer in 0.2 s")


@pytest.mark.parametrize("kind", ["http", "tcp", "syn"])
def test_the_mark_decides_which_real_answers(wire: Wire, kind: str) -> None:
    """Both reals hold the VIP; only real1 listens. Asked at once, each must answer for itself."""
    check = Check(kind, 80, path="/alive")
    plans = [Plan(ServiceKey(VIP, 80, "tcp"), real, (check,), Rule(), 1.0, 1.0) for real in (REAL1, REAL2)]

    async def rounds(probers: Probers) -> list[list[Result]]:
        return [await asyncio.gather(*(probers.round(plan) for plan in plans)) for _ in range(20)]

    for first, second in with_probers(rounds):
        assert first.passed
        assert second == Result(False, "connection refused")


def test_https_does_not_verify_the_certificate(wire: Wire, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=other"
    subprocess.run([*request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    assert ssl.OPENSSL_VERSION
    server = [
        "openssl",
        "s_server",
        "-quiet",
        "-www",
        "-port",
        "443",
        "-key",
        str(key),
        "-cert",
        str(certificate),
    ]
    wire.start(wire.real1, *server)
    wires.until(lambda: ":443 " in output("ss", "-Hltn", netns=wire.real1))
    assert probe(REAL1, Check("https", 443)) == Result(True, "HTTP 200")


def test_several_checks_all_must_pass(wire: Wire) -> None:
    good, bad = Check("http", 80, path="/alive"), Check("tcp", 81)
    assert probe(REAL1, good, Check("syn", 80)) == Result(True, "HTTP 200, SYN answered")
    assert probe(REAL1, good, bad) == Result(False, "tcp 81: connection refused")


def test_no_checks_means_the_neighbor_decides(wire: Wire) -> None:
    assert probe(REAL1).passed
    assert not probe(REAL2).passed


def test_a_real_that_is_nowhere(wire: Wire) -> None:
    assert probe("10.66.30.11", Check("tcp", 80)) == Result(False, "no such VLAN")


def test_a_slow_real_delays_no_other(wire: Wire) -> None:
    slow = Plan(ServiceKey(VIP, 80, "tcp"), REAL1, (Check("http", 80, path="/slow"),), Rule(), 1.0, 1.0)
    quick = Plan(ServiceKey(VIP, 80, "tcp"), REAL1, (Check("http", 80, path="/alive"),), Rule(), 1.0, 1.0)

    async def both(probers: Probers) -> float:
        waiting = asyncio.create_task(probers.round(slow))
        started = time.monotonic()
        assert (await probers.round(quick)).passed
        waiting.cancel()
        return time.monotonic() - started

    assert with_probers(both) < 0.5


@pytest.mark.parametrize("checks", [(Check("syn", 80),), ()])
def test_a_full_neighbor_table_says_nothing_of_the_real(wire: Wire, checks: tuple[Check, ...]) -> None:
    assert probe(UNASKED, *checks) == Result(None, "could not check: the kernel's neighbor table is full")
