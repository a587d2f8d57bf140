"""The status as metrics: names, types, values; read back by Prometheus's own parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from vc5d.web.metrics import render

HTTP, REAL, OTHER = "192.0.2.1:80:tcp", "10.0.0.1", "10.0.0.2"
STATUS: dict[str, Any] = {
    "sinks": {
        "slack": {"queued": 2, "sent": 5, "dropped": 1, "last_error": "HTTP 500"},
        "teams": {"queued": 0, "sent": 0, "dropped": 0, "last_error": None},
    },
    "version": "1.2.3",
    "digest": "sha256:00",
    "generation": 7,
    "started": 1000.5,
    "live": 1200.0,
    "reload_failure": None,
    "drained": [{"kind": "host"}],
    "interfaces": {"eth0": "native", "eth1": ""},
    "announced": ["192.0.2.1"],
    "vips": {
        "192.0.2.1": {"up": True, "announce": True, "leaving": True, "why": "", "since": 10.0},
        "192.0.2.2": {"up": False, "announce": False, "leaving": False, "why": "x", "since": 20.0},
    },
    "services": {
        HTTP: {
            "name": 'a "name"\n',
            "need": 1,
            "slots": {"clear": 16000, "transition": 381, "consult": 0},
            "reals": {
                REAL: {
                    "state": "accepting", "up": True, "share": 0.25, "sessions": 3,
                    "packets": 10, "bytes": 1000, "flows": 2,
                },
                OTHER: {
                    "state": "down", "up": None, "share": 0.75, "packets": 2**63, "bytes": 5, "flows": 0,
                },
            },
        }
    },
    "flows": {"tcp": 12},
    "reasons": {"pass_not_vip": 5, "drop_malformed": 6, "answer_echo": 7, "note_not_stored": 8},
    "sharing": {
        "on": True, "why": "", "node": "00", "nodes": {"11": {"address": "10.1.10.2", "heard": 0.5}},
        "dropped": {"mac": 1, "replayed": 2}, "merged": {"stored": 3, "older": 4}, "unsent": 5, "aside": 6,
        "sent": {"datagrams": 7, "flows": 8}, "received": {"datagrams": 9, "flows": 10},
        "told": {"told": 11, "limited": 12, "full": 13}, "cpu": 0.25,
    },
}  # fmt: skip

# The metrics are an interface: what is listed here does not change without a line in the changelog.
EXPECTED = {
    'vc5_sink_queued{sink="slack"}': 2,
    'vc5_sink_failing{sink="slack"}': 1,
    'vc5_sink_sent_total{sink="slack"}': 5,
    'vc5_sink_dropped_total{sink="slack"}': 1,
    'vc5_sink_queued{sink="teams"}': 0,
    'vc5_sink_failing{sink="teams"}': 0,
    'vc5_sink_sent_total{sink="teams"}': 0,
    'vc5_sink_dropped_total{sink="teams"}': 0,
    'vc5_build_info{version="1.2.3"}': 1,
    'vc5_document_info{digest="sha256:00"}': 1,
    "vc5_generation": 7,
    "vc5_generation_timestamp_seconds": 1200,
    "vc5_start_time_seconds": 1000.5,
    "vc5_reload_failed": 0,
    "vc5_drained_targets": 1,
    'vc5_interface_attached{interface="eth0",mode="native"}': 1,
    'vc5_interface_attached{interface="eth1",mode="none"}': 0,
    "vc5_traffic_unseen": 0,
    'vc5_flow_table_entries{table="tcp"}': 12,
    'vc5_vip_up{vip="192.0.2.1"}': 1,
    'vc5_vip_up{vip="192.0.2.2"}': 0,
    'vc5_vip_announced{vip="192.0.2.1"}': 1,
    'vc5_vip_announced{vip="192.0.2.2"}': 0,
    'vc5_vip_leaving{vip="192.0.2.1"}': 1,
    'vc5_vip_leaving{vip="192.0.2.2"}': 0,
    'vc5_vip_changed_timestamp_seconds{vip="192.0.2.1"}': 10,
    'vc5_vip_changed_timestamp_seconds{vip="192.0.2.2"}': 20,
    f'vc5_service_info{{name="a \\"name\\"\\n",service="{HTTP}"}}': 1,
    f'vc5_service_reals_needed{{service="{HTTP}"}}': 1,
    f'vc5_service_reals_accepting{{service="{HTTP}"}}': 1,
    f'vc5_service_slots{{service="{HTTP}",state="clear"}}': 16000,
    f'vc5_service_slots{{service="{HTTP}",state="transition"}}': 381,
    f'vc5_service_slots{{service="{HTTP}",state="consult"}}': 0,
    f'vc5_service_packets_total{{service="{HTTP}"}}': 2**63 + 10,
    f'vc5_service_bytes_total{{service="{HTTP}"}}': 1005,
    f'vc5_service_flows_total{{service="{HTTP}"}}': 2,
    f'vc5_service_sessions{{service="{HTTP}"}}': 3,
    f'vc5_real_up{{real="{REAL}",service="{HTTP}"}}': 1,
    f'vc5_real_state{{real="{REAL}",service="{HTTP}",state="accepting"}}': 1,
    f'vc5_real_state{{real="{REAL}",service="{HTTP}",state="draining"}}': 0,
    f'vc5_real_state{{real="{REAL}",service="{HTTP}",state="down"}}': 0,
    f'vc5_real_state{{real="{OTHER}",service="{HTTP}",state="accepting"}}': 0,
    f'vc5_real_state{{real="{OTHER}",service="{HTTP}",state="draining"}}': 0,
    f'vc5_real_state{{real="{OTHER}",service="{HTTP}",state="down"}}': 1,
    f'vc5_real_share_ratio{{real="{REAL}",service="{HTTP}"}}': 0.25,
    f'vc5_real_share_ratio{{real="{OTHER}",service="{HTTP}"}}': 0.75,
    f'vc5_real_sessions{{real="{REAL}",service="{HTTP}"}}': 3,
    f'vc5_real_sessions{{real="{OTHER}",service="{HTTP}"}}': 0,
    f'vc5_real_packets_total{{real="{REAL}",service="{HTTP}"}}': 10,
    f'vc5_real_packets_total{{real="{OTHER}",service="{HTTP}"}}': 2**63,
    f'vc5_real_bytes_total{{real="{REAL}",service="{HTTP}"}}': 1000,
    f'vc5_real_bytes_total{{real="{OTHER}",service="{HTTP}"}}': 5,
    f'vc5_real_flows_total{{real="{REAL}",service="{HTTP}"}}': 2,
    f'vc5_real_flows_total{{real="{OTHER}",service="{HTTP}"}}': 0,
    'vc5_packets_passed_total{reason="not_vip"}': 5,
    'vc5_packets_dropped_total{reason="malformed"}': 6,
    'vc5_packets_answered_total{reason="echo"}': 7,
    'vc5_flows_not_stored_total{reason="not_stored"}': 8,
    "vc5_sharing_on": 1,
    'vc5_sharing_peer_heard_seconds{peer="10.1.10.2"}': 0.5,
    'vc5_sharing_dropped_total{reason="mac"}': 1,
    'vc5_sharing_dropped_total{reason="replayed"}': 2,
    'vc5_sharing_merged_flows_total{as="stored"}': 3,
    'vc5_sharing_merged_flows_total{as="older"}': 4,
    "vc5_sharing_unsent_datagrams_total": 5,
    "vc5_sharing_aside_flows": 6,
    "vc5_sharing_sent_datagrams_total": 7,
    "vc5_sharing_sent_flows_total": 8,
    "vc5_sharing_received_datagrams_total": 9,
    "vc5_sharing_received_flows_total": 10,
    "vc5_sharing_told_limited_total": 12,
    "vc5_sharing_told_full_total": 13,
    "vc5_sharing_cpu_seconds_total": 0.25,
}


def values(page: str) -> dict[str, float]:
    samples = [line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("vc5_")]
    return {name: float(value) for name, value in samples}


def whole(status: Mapping[str, Any], accept: str = "") -> tuple[bytes, str]:
    parts, content_type = render(status, accept)
    return b"".join(parts), content_type


def test_every_metric_and_no_other() -> None:
    page, content_type = whole(STATUS, "text/plain")
    assert values(page.decode()) == pytest.approx(EXPECTED)
    assert content_type.startswith("text/plain; version=0.0.4")


def test_types_follow_the_names() -> None:
    families = list(text_string_to_metric_families(whole(STATUS)[0].decode()))
    own = [each for each in families if each.name.startswith("vc5_")]
    assert len(own) > 20
    for family in own:
        assert family.documentation.endswith("."), family.name
        if not family.samples:
            continue  # of what this status does not have
        counted = any(sample.name.endswith("_total") for sample in family.samples)
        assert (family.type == "counter") == counted, family.name


def test_openmetrics_when_asked_for() -> None:
    page, content_type = whole(STATUS, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert page.endswith(b"# EOF\n")
    assert {family.name for family in openmetrics(page.decode())} >= {"vc5_real_packets", "vc5_vip_up"}


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_many_reals_are_one_family_in_many_parts(accept: str) -> None:
    reals = {f"10.0.{n >> 8}.{n & 255}": {"up": n % 2, "state": "down", "packets": n} for n in range(2500)}
    status = STATUS | {"services": {"192.0.2.1:80:tcp": {"reals": reals}}}
    parts, _ = render(status, accept)
    assert max(map(len, parts)) < 200_000
    page = b"".join(parts).decode()
    heads = [line for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    parse = openmetrics if accept else text_string_to_metric_families
    families = {family.name: family.samples for family in parse(page)}
    up = {sample.labels["real"]: sample.value for sample in families["vc5_real_up"]}
    assert up == {address: real["up"] for address, real in reals.items()}
    assert sum(sample.value for sample in families["vc5_real_packets"]) == sum(range(2500))
    assert len(families["vc5_real_state"]) == 3 * 2500


def test_a_failed_reload_shows() -> None:
    failed = STATUS | {"reload_failure": {"message": "x", "hint": "", "when": 1.0}}
    assert values(whole(failed)[0].decode())["vc5_reload_failed"] == 1


def test_a_status_of_the_least() -> None:
    least = {"version": "0", "digest": "", "generation": 0, "started": 0, "interfaces": {}, "services": {}}
    assert values(whole(least)[0].decode())["vc5_generation"] == 0
