"""What is counted as it happens, as metrics; and the last events."""

from __future__ import annotations

from prometheus_client import generate_latest
from vc5d.activity import Activity
from vc5d.document import ServiceKey
from vc5d.health.checks import Check
from vc5d.health.probers import Probed
from vc5d.log import LEVELS


def samples(activity: Activity) -> dict[str, float]:
    lines = generate_latest(activity.registry).decode().splitlines()
    return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines if x[0] != "#")}


def probed(kind: str, ok: bool | None, seconds: float) -> Probed:
    return Probed(ServiceKey("192.0.2.1", 80, "tcp"), "10.0.0.1", Check(kind, 80), ok, "why", seconds)


def test_checks_by_type_and_result_never_by_name() -> None:
    activity = Activity()
    for ok in (True, True, False, None):
        activity.on_probe(probed("http", ok, 0.02))
    activity.on_probe(probed("syn", True, 9.0))
    now = samples(activity)
    assert now['vc5_checks_total{result="passed",type="http"}'] == 2
    assert now['vc5_checks_total{result="failed",type="http"}'] == 1
    assert now['vc5_checks_total{result="not_asked",type="http"}'] == 1
    assert now['vc5_check_duration_seconds_bucket{le="0.025",type="http"}'] == 4
    assert now['vc5_check_duration_seconds_bucket{le="0.01",type="http"}'] == 0
    assert now['vc5_check_duration_seconds_bucket{le="5.0",type="syn"}'] == 0
    assert now['vc5_check_duration_seconds_count{type="syn"}'] == 1
    assert not any("10.0.0.1" in name or "192.0.2.1" in name for name in now)


def test_reloads_and_events_are_there_before_the_first() -> None:
    activity = Activity()
    assert samples(activity)['vc5_reload_duration_seconds_count{result="failed"}'] == 0
    assert [samples(activity)[f'vc5_log_events_total{{level="{each}"}}'] for each in LEVELS] == [0] * len(
        LEVELS
    )
    activity.reloaded(0.2, failed=True)
    activity.on_event("x", "error", {}, 1.0)
    assert samples(activity)['vc5_reload_duration_seconds_bucket{le="0.25",result="failed"}'] == 1
    assert samples(activity)['vc5_log_events_total{level="error"}'] == 1


def test_the_last_events_are_kept_and_no_more_of_each_than_is_shown() -> None:
    activity = Activity()
    for number in range(1000):
        activity.on_event("e", "info", {"n": number, "long": "x" * 10_000}, float(number))
    kept = activity.events()
    assert [each.number for each in kept] == list(range(701, 1001))
    assert kept[-1].values == {"n": "999", "long": "x" * 400}
    assert [each.number for each in activity.events(after=998)] == [999, 1000]
