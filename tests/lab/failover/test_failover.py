"""The short form: with sharing, a load balancer dies and returns, and nobody notices."""

from __future__ import annotations

import pytest

from lab import cleanup
from lab.balancer import Balancer
from lab.failover.events import happen
from lab.failover.fleet import Fleet, names_of

pytestmark = pytest.mark.lab


def stopped(balancer: Balancer) -> str:
    """What vc5d said, after a SIGTERM."""
    assert balancer.vc5d
    balancer.vc5d.stop()
    return (balancer.directory / "vc5d.log").read_text().rpartition(" stopping ")[2]


def test_a_load_balancer_dies_and_returns() -> None:
    names = names_of("vc5-testfailover")
    cleanup.clean(names)
    fleet = Fleet(names, "on", 240)
    try:
        fleet.come_up()
        died, returned = happen(fleet, "ab")
        said = stopped(fleet.balancers[0])
    finally:
        fleet.stop()
        cleanup.clean(names)
    assert died.elsewhere >= 15, died
    assert (died.broken, died.failed) == (0, 0), died
    assert (returned.broken, returned.failed) == (0, 0), returned
    assert died.asked > 100
    assert said.index(" withdraw ") < said.index(" sharing.off"), (
        "others are told as long as packets may come"
    )
    assert cleanup.traces(names) == []
