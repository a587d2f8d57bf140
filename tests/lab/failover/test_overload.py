"""`overload` sees the whole fleet's sessions: no load balancer alone has enough of them to say anything."""

from __future__ import annotations

import pytest
from vc5d.fleet.relief import QUIET

from lab import cleanup
from lab.failover.fleet import Fleet, names_of

pytestmark = pytest.mark.lab
CONNECTIONS, MORE = 240, 90


def test_the_most_loaded_real_is_taken_out_by_all_and_comes_back() -> None:
    names = names_of("vc5-testoverload")
    cleanup.clean(names)
    fleet = Fleet(names, "overload-on", CONNECTIONS)
    try:
        fleet.come_up()
        assert CONNECTIONS / 8 / len(fleet.balancers) < QUIET < CONNECTIONS / 8
        loaded = fleet.of_name["r12"].address
        others = set(fleet.table().reals) - {loaded}
        fleet.crowd_on("r12", MORE)
        fleet.wait_accepting(others)
        assert all(fleet.reals_on(balancer)[loaded] == "draining" for balancer in fleet.up())
        assert list(fleet.crowd.reals().values()).count("r12") > MORE, "established ones stay"
        fleet.crowd.reopen(
            {port: port + 10_000 for port, real in fleet.crowd.reals().items() if real == "r12"}
        )
        fleet.crowd.wait_open()
        fleet.wait_accepting(others | {loaded})
        window = fleet.crowd.look()
        logs = [(balancer.directory / "vc5d.log").read_text() for balancer in fleet.balancers]
    finally:
        fleet.stop()
        cleanup.clean(names)
    assert window.broken == []
    for log in logs:
        assert log.count(f"real.overloaded service=192.168.101.1:80:tcp real={loaded}") == 1, log
        assert log.count(f"real.relieved service=192.168.101.1:80:tcp real={loaded}") == 1, log
