"""The whole simulation at a reduced size, through its figures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from . import drawing, figures, year
from .designs import Glb, HostTables, TableOnly
from .ecmp import Resilient, Threshold
from .fleet import Fleet, Lingering, Lossy, Sharing
from .run import Life, service
from .year import Rates, Size

RATES = Rates(real_dies=0.5, real_sick=0.5, real_blind=0.5, deployments=4)
SMALL = Size(balancers=8, services=1, reals=40, flows=4000, slots=4003)


@pytest.fixture(scope="module")
def written() -> figures.Written:
    found = figures.summary(SMALL, service(SMALL, RATES, 0))
    return dict(json.loads(json.dumps(found)))


def test_what_each_design_breaks(written: figures.Written) -> None:
    def at(kind: str, design: str, router: str = figures.THRESHOLD) -> int:
        return figures.broken(written, design, router, kind)

    for kind in (year.LOST, year.ROLLED, year.RETURNS):
        assert at(kind, Sharing.name) == at(kind, Glb.name, figures.ANY) == 0
        assert at(kind, HostTables.name) > at(kind, Fleet.name) > at(kind, Lossy.name)
    assert figures.total(written, Sharing.name, figures.THRESHOLD) == at(year.SICK, Sharing.name) > 0
    assert at(year.ADDED, TableOnly.name, figures.ANY) > at(year.ADDED, Glb.name, figures.ANY) > 0


def test_linger_keeps_flows_of_a_real_that_is_only_sick() -> None:
    found = Life(SMALL, 0, (Lingering,)).live(RATES)
    assert found.events[year.SICK] > 0
    assert found.broken.total() == 0


def test_the_same_again(written: figures.Written) -> None:
    again = figures.summary(SMALL, service(SMALL, RATES, 0))
    assert json.loads(json.dumps(again)) == written


def test_tables_and_chart(written: figures.Written, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    marks = [f"<!-- {end}{name} -->" for name in ("per-event", "mechanisms") for end in ("", "/")]
    page.write_text("\n".join(("before", marks[0], "old", *marks[1:])))
    figures.put_into(page, written)
    text = page.read_text()
    assert text.startswith("before\n<!-- per-event -->\n8 load balancers; 1 services of 40 reals and 4,000")
    assert "\nold\n" not in text
    assert f"| {year.LOST} | {written['events'][year.LOST]} | 0 |" in text
    figures.put_into(page, written)
    assert page.read_text() == text
    chart = ElementTree.fromstring(drawing.bars(written))
    assert any(f"{40:,} reals" in (part.text or "") for part in chart.iter())


def test_routers_move_what_they_must() -> None:
    """Of 64 next hops one goes: resilient moves its share alone, hash-threshold far more; both are even."""
    rng = np.random.default_rng(1)
    ways, up = rng.integers(0, 1 << 32, 100_000), np.ones(64, bool)
    moved = {}
    for kind in (Threshold, Resilient):
        router = kind(64, rng)
        before = router.route(ways)
        up[20] = False
        router.change(up)
        after = router.route(ways)
        moved[kind] = np.count_nonzero(before != after) / len(ways)
        assert 20 not in after
        up[20] = True
        router.change(up)
        counts = Counter(router.route(ways).tolist())
        assert len(counts) == 64
        assert max(counts.values()) < 1.15 * min(counts.values())
    assert moved[Resilient] == pytest.approx(1 / 64, rel=0.1)
    assert 0.25 < moved[Threshold] < 0.5
