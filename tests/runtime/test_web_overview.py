"""What the console shows of a status, and what a page needs to be told when that changes."""

from __future__ import annotations

from typing import Any

from vc5d.web import overview
from vc5d.xdp.layout import Reason
from vc5d.xdp.reason_words import WORDS, words

KEY, OTHER = "192.0.2.1:80:tcp", "192.0.2.2:53:udp"


def status(packets: int = 100, **changes: Any) -> dict[str, Any]:
    reals = {
        "10.0.0.1": {
            "state": "accepting",
            "packets": packets,
            "bytes": 10 * packets,
            "flows": 7,
            "sessions": 3,
        },
        "10.0.0.2": {"state": "down", "packets": 1, "bytes": 2, "flows": 3},
    }
    whole = {
        "version": "1",
        "services": {KEY: {"name": "web", "need": 1, "reals": reals, "slots": {"transition": 9}}},
        "vips": {"192.0.2.1": {"up": True, "leaving": False, "why": "", "priority": "high", "since": 5.0}},
        "announced": ["192.0.2.1"],
        "reasons": {"drop_malformed": 4, "drop_blocked": 6, "pass_not_vip": 1000},
    }
    return whole | changes


def test_totals_are_of_all_reals_and_drops_of_drops_alone() -> None:
    assert overview.totals(status()) == {
        "packets": 101,
        "bytes": 1002,
        "flows": 10,
        "sessions": 3,
        "drops": 10,
    }


def test_a_service_s_own_counts_come_first() -> None:
    own = {"packets": 5, "bytes": 6, "flows": 7, "sessions": 8}
    assert overview.sums({**own, "reals": {"a": {"packets": 100}}}) == own


def test_a_row_has_states_and_rates() -> None:
    row = overview.view(status(300), status(100), 2.0)["services"][KEY]
    assert row == {
        "name": "web",
        "need": 1,
        "reals": 2,
        "accepting": 1,
        "draining": 0,
        "down": 1,
        "packets": 100.0,
        "bytes": 1000.0,
        "flows": 0.0,
        "sessions": 3.0,
        "transition": 9,
    }


def test_a_counter_that_begins_anew_makes_no_negative_rate() -> None:
    assert overview.view(status(1), status(100), 1.0)["services"][KEY]["packets"] == 0
    assert overview.rate(1, 2, 0) == 0


def test_only_what_changed_is_told() -> None:
    before = overview.view(status(), None, 1.0)
    assert overview.delta(before, overview.view(status(), status(), 1.0)) == {}
    later = status(vips={}, announced=[])
    later["services"][OTHER] = later["services"][KEY]
    changes = overview.delta(before, overview.view(later, status(), 1.0))
    assert changes["vips"] == {"changed": {}, "gone": ["192.0.2.1"]}
    assert list(changes["services"]["changed"]) == [OTHER]
    assert "reasons" not in changes


def test_a_page_that_takes_every_delta_has_the_whole() -> None:
    history = [status(100), status(200), status(200, vips={}), status(50, reasons={"drop_malformed": 5})]
    page: dict[str, dict[str, Any]] = {}
    shown: overview.View = {}
    former = None
    for each in history:
        now = overview.view(each, former, 1.0)
        for section, change in overview.delta(shown, now).items():
            page.setdefault(section, {}).update(change["changed"])
            for key in change["gone"]:
                del page[section][key]
        shown, former = now, each
        assert page == now


def test_every_reason_of_the_kernel_has_words_and_no_other() -> None:
    kernel = {reason.name.lower() for reason in Reason if reason is not Reason.REASONS}
    assert kernel == set(WORDS)
    assert words("drop_brand_new") == "brand new"
