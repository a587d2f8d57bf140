"""What people are told, as events in and lines out, with a clock that is moved by hand."""

from __future__ import annotations

import itertools

from vc5d.sinks.digest import LATEST, Digest
from vc5d.sinks.told import Told

WARNING, INFO = 4, 6


def told(name: str, level: str = "info", **values: str) -> Told:
    return Told.of(name, level, values, 1000.0, 0)


def texts(digest: Digest, now: float) -> list[str]:
    return [line.text for line in digest.take(now)]


def test_a_thousand_reals_are_a_line_per_service() -> None:
    digest = Digest(INFO)
    for number in range(1000):
        service = f"192.168.101.{1 + number % 4}:80:tcp"
        reason = "connection refused"
        digest.add(
            told("real.down", service=service, real=f"10.0.{number // 250}.{number % 250}", reason=reason),
            5.0,
        )
    assert digest.next_due == 6.0
    assert digest.take(5.9) == []
    lines = digest.take(6.0)
    assert [line.text for line in lines] == [
        f"192.168.101.{n}:80:tcp: 250 reals DOWN "
        f"(10.0.0.{n - 1}, 10.0.0.{n + 3}, 10.0.0.{n + 7}, …): connection refused"
        for n in (1, 2, 3, 4)
    ]
    assert sum(line.events for line in lines) == 1000
    assert digest.next_due == float("inf")


def test_a_vip_that_flaps_is_told_less_and_less_often_with_counts() -> None:
    digest = Digest(WARNING)
    messages: list[tuple[float, str]] = []
    for second in range(600):
        now = float(second)
        if second % 3 == 0:
            digest.add(told("vip.down", "error", vip="192.168.101.1", why="0 of 1 reals"), now)
        if second % 3 == 2:
            digest.add(told("vip.up", vip="192.168.101.1"), now)
        messages += [(now, text) for text in texts(digest, now)]
    times = [when for when, _ in messages]
    assert len(times) < 20, "of 400 events in ten minutes"
    assert times[0] == 1.0, "the first soon"
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps[:3] == sorted(gaps[:3])
    assert min(gaps[6:]) >= LATEST
    assert messages[0][1] == "VIP 192.168.101.1 is DOWN: 0 of 1 reals"
    assert "(vip.down 20 times, vip.up 20 times)" in messages[-1][1] or "(vip.down 2" in messages[-1][1]
    assert digest.events <= 2 * LATEST


def test_quiet_for_a_minute_and_it_starts_anew() -> None:
    digest = Digest(WARNING)
    down = told("vip.down", "error", vip="v", why="")
    digest.add(down, 0.0)
    assert texts(digest, 1.0) == ["VIP v is DOWN"]
    digest.add(down, 30.0)
    assert digest.next_due == 32.0, "again so soon: a little later"
    digest.take(32.0)
    digest.add(down, 32.0 + LATEST)
    assert digest.next_due == 33.0 + LATEST


def test_the_level_and_what_ends_a_trouble() -> None:
    digest = Digest(WARNING)
    digest.add(told("vip.up", vip="v"), 0.0)
    digest.add(told("real.down", service="s:80:tcp", real="r", reason=""), 0.0)
    digest.add(told("vip.down", "notice", vip="v", why=""), 0.0)
    assert digest.next_due == float("inf"), "none is grave enough"
    digest.add(told("vip.down", "warning", vip="v", why="x"), 0.0)
    digest.take(1.0)
    digest.add(told("vip.up", vip="v"), 5.0)
    assert texts(digest, 9.0) == ["VIP v is up"], "whoever heard of the failure hears of its end"
    digest.add(told("vip.up", vip="v"), 100.0)
    assert digest.next_due == float("inf"), "once"


def test_the_gravest_first() -> None:
    digest = Digest(INFO)
    digest.add(told("real.down", service="s:80:tcp", real="10.0.0.1", reason="HTTP 503"), 0.0)
    digest.add(told("real.up", service="s:80:tcp", real="10.0.0.2", reason="HTTP 200"), 0.0)
    digest.add(told("interface.offload", "warning", interface="eth0", off="rxvlan"), 0.0)
    digest.add(told("interface.offload", "warning", interface="eth0", off="lro"), 0.0)
    digest.add(told("vip.down", "error", vip="v", why="need 2, have 1"), 0.0)
    assert texts(digest, 1.0) == [
        "VIP v is DOWN: need 2, have 1",
        "interface.offload: interface eth0, off lro (interface.offload 2 times)",
        "s:80:tcp: 1 real DOWN (10.0.0.1): HTTP 503; 1 real up (10.0.0.2): HTTP 200",
    ]


def test_a_real_that_flaps_is_its_last_state_with_a_count() -> None:
    digest = Digest(INFO)
    for name in ("real.down", "real.up", "real.down"):
        digest.add(told(name, service="s:80:tcp", real="10.0.0.1", reason="x"), 0.0)
    assert texts(digest, 1.0) == ["s:80:tcp: 1 real DOWN (10.0.0.1): x (3 changes)"]


def test_memory_is_bounded() -> None:
    digest = Digest(INFO)
    dropped = sum(digest.add(told("vip.down", "error", vip=str(n), why=""), 0.0) for n in range(12_000))
    assert dropped == 2_000
    assert digest.events == 10_000
