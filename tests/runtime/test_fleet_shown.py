"""The fleet as an operator sees it: vc5ctl peers, the doctor, metrics, the console's view. Of one status."""

from __future__ import annotations

import argparse
import json
from types import SimpleNamespace
from typing import Any

import pytest
from support.documents import Spec, document
from vc5d.ctl.doctor import fleet as doctor
from vc5d.ctl.pages import peers
from vc5d.ctl.pages.view import View
from vc5d.fleet.fleet import Fleet
from vc5d.fleet.learning import Learning
from vc5d.fleet.names import Names
from vc5d.fleet.report import Report
from vc5d.fleet.showing import Mine, shown
from vc5d.web import overview
from vc5d.web.metrics_fleet import fleet as metrics

SERVICE = "192.0.2.1:80:tcp"
OLD = document(Spec({SERVICE: {"10.0.0.1": 1, "10.0.0.2": 1}}, extra={"multicast": "239.1.1.1:9999"}))
NEW = document(
    Spec(
        {SERVICE: dict.fromkeys(("10.0.0.1", "10.0.0.2", "10.0.0.3"), 1)},
        extra={"multicast": "239.1.1.1:9999"},
    )
)


def status(*, differ: bool = True, alone: bool = False) -> dict[str, Any]:
    """lb1 has the new document; lb2 has it too, or the old one, and thinks that all reals are up. On lb1 the
    first real is down."""
    names = Names(NEW)
    theirs = Names(OLD if differ else NEW)
    fleet = Fleet(names.roster, Learning(0.0), Names(OLD).roster.reals)
    if not alone:
        report = Report(b"2" * 8, "lb2\x1b[31m", theirs.roster.digest, theirs.roster.reals, moving=True)
        fleet.hear("10.9.0.2", Report(**{**vars(report), "roster": theirs.roster}), 6.0)
    for now in (6.0, 6.5):
        news = fleet.advance(now, {})
        if news.learn_from:
            fleet.learning.got(news.learn_from)
    alive = names.roster.reals - {names.of(key, "10.0.0.1") for key in NEW.services}
    return {"on": True, "why": "", **shown(fleet, names, Mine("lb1", alive), 7.0)}


def page(fleet: dict[str, Any]) -> str:
    view = View(argparse.Namespace(watch=None), {"fleet": fleet})
    assert json.loads(json.dumps(peers.PAGE.json(view))) == fleet
    return "\n".join(peers.PAGE.lines(view))


def test_peers() -> None:
    text = page(status())
    assert "10.9.0.2" in text
    assert "\x1b" not in text, "what a peer calls itself is no command for a terminal"
    digest = OLD.digest.removeprefix("sha256:")[:12]
    assert f"{digest} (another)" in text
    assert "moving" in text
    assert "2 documents" in text
    assert "learned: from 10.9.0.2" in text
    assert f"held until all have it: 10.0.0.3 of {SERVICE}" in text
    assert f"kept by a peer's word: 10.0.0.1 of {SERVICE}" in text


def test_peers_that_agree() -> None:
    text = page(status(differ=False))
    assert "all have the same document" in text
    assert "held" not in text
    assert "no peers are there" in page(status(alone=True))
    assert page({"on": False, "why": "no secret"}) == "alone: no secret"
    off = {"on": False, "wanted": True, "why": "no secret"}
    assert overview.view({"services": {}, "fleet": off}, None, 0)["fleet"] == {"off": "no secret"}
    assert "fleet" not in overview.view({"services": {}, "fleet": off | {"wanted": False}}, None, 0)


def judged(fleet: dict[str, Any], document_: Any = NEW) -> list[tuple[str, str]]:
    host: Any = SimpleNamespace(document=document_, status={"fleet": fleet})
    return [(finding.level, finding.what) for finding in doctor.judge(host)]


def test_doctor() -> None:
    assert judged(status(differ=False)) == [("ok", "1 other load balancers, all with this document")]
    [(level, what)] = judged(status())
    assert (level, what[:32]) == ("warn", "load balancers have 2 documents:")
    assert judged(status(alone=True)) == [("warn", "no other load balancer is heard")]
    assert judged({"on": False, "why": "no secret"}) == [("fail", "flows are not shared: no secret")]
    without = document(Spec({SERVICE: {"10.0.0.1": 1}}))
    assert judged({"on": False, "why": ""}, without) == []


def test_metrics() -> None:
    found = {
        (family.name, *sample.labels.values()): sample.value
        for family in metrics({"fleet": status()})
        for sample in family.samples
    }
    assert found["vc5_fleet_peers",] == 1
    assert found["vc5_fleet_agreed",] == 0
    assert found["vc5_fleet_documents",] == 2
    assert found["vc5_fleet_settled",] == 0
    assert found["vc5_fleet_learned",] == 1
    assert found["vc5_fleet_held_reals",] == 1
    assert found["vc5_fleet_kept_reals",] == 1
    assert found["vc5_fleet_peer_agrees", "10.9.0.2", "lb2\x1b[31m"] == 0
    assert found["vc5_fleet_peer_heard_seconds", "10.9.0.2", "lb2\x1b[31m"] == 1
    assert list(metrics({"fleet": {"on": False}})) == list(metrics({})) == []


@pytest.mark.parametrize("on", [True, False])
def test_the_console_s_view(on: bool) -> None:
    fleet = status() | {"on": on}
    seen = overview.view({"services": {}, "fleet": fleet}, None, 0)
    assert ("peers" in seen) == ("fleet" in seen) == on
    if on:
        assert seen["peers"]["10.9.0.2"]["agrees"] is False
        assert seen["fleet"]["held"] == [{"service": SERVICE, "real": "10.0.0.3"}]
        later = overview.view({"services": {}, "fleet": fleet | {"learning_left": 3}}, None, 0)
        assert overview.delta(seen, later) == {}, "nothing is told where nothing changed"
