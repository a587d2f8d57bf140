"""The short form: with sharing, a load balancer dies and returns, and nobody notices."""

from __future__ import annotations

import pytest

from lab import cleanup
from lab.failover.events import happen
from lab.failover.fleet import Fleet, names_of

pytestmark = pytest.mark.lab


def test_a_load_balancer_dies_and_returns() -> None:
    names = names_of("vc5-testfailover")
    cleanup.clean(names)
    fleet = Fleet(names, "on", 240)
    try:
        fleet.come_up()
        died, returned = happen(fleet, "ab")
    finally:
        fleet.stop()
        cleanup.clean(names)
    assert died.elsewhere >= 15, died
    assert (died.broken, died.failed) == (0, 0), died
    assert (returned.broken, returned.failed) == (0, 0), returned
    assert died.asked > 100
    assert cleanup.traces(names) == []
