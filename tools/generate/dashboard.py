"""contrib/grafana/vc5.json: panels as a table here, so that what Grafana wants of JSON stands in one place."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 24

# (title, unit, [(query, legend)…]), a row of panels each; `$instance` and `$service` are the dashboard's own.
_I = 'instance=~"$instance"'
_S = f'{_I}, service=~"$service"'
ROWS: list[tuple[str, list[tuple[str, str, list[tuple[str, str]]]]]] = [
    ("Now", [
        ("VIPs announced", "none", [(f"sum(vc5_vip_announced{{{_I}}})", "announced"), (f"count(vc5_vip_up{{{_I}}})", "all")]),
        ("VIPs down", "none", [(f"count(vc5_vip_up{{{_I}}} == 0) or vector(0)", "down")]),
        ("Reals that fail", "none", [(f"count(vc5_real_up{{{_S}}} == 0) or vector(0)", "failing")]),
        ("Sessions", "none", [(f"sum(vc5_service_sessions{{{_S}}})", "sessions")]),
        ("Age of the generation", "s", [(f"time() - vc5_generation_timestamp_seconds{{{_I}}}", "{{instance}}")]),
        ("Last reload failed", "none", [(f"vc5_reload_failed{{{_I}}}", "{{instance}}")]),
    ]),
    ("Traffic", [
        ("Packets", "pps", [(f"sum by (instance) (rate(vc5_service_packets_total{{{_S}}}[$__rate_interval]))", "{{instance}}")]),
        ("Bits", "bps", [(f"8 * sum by (instance) (rate(vc5_service_bytes_total{{{_S}}}[$__rate_interval]))", "{{instance}}")]),
        ("New flows", "ops", [(f"sum by (instance) (rate(vc5_service_flows_total{{{_S}}}[$__rate_interval]))", "{{instance}}")]),
        ("Time in the program", "s", [(f"vc5_program_packet_seconds{{{_I}}}", "{{instance}}")]),
    ]),
    ("Services", [
        ("Packets by service", "pps", [(f"topk(20, sum by (service) (rate(vc5_service_packets_total{{{_S}}}[$__rate_interval])))", "{{service}}")]),
        ("Sessions by service", "none", [(f"topk(20, sum by (service) (vc5_service_sessions{{{_S}}}))", "{{service}}")]),
        ("Reals accepting, and needed", "none", [
            (f"min by (service) (vc5_service_reals_accepting{{{_S}}})", "{{service}} accepting"),
            (f"max by (service) (vc5_service_reals_needed{{{_S}}})", "{{service}} needed")]),
        ("Slots in transition", "none", [(f'sum by (service) (vc5_service_slots{{{_S}, state="transition"}}) > 0', "{{service}}")]),
    ]),
    ("Reals of the service", [
        ("Packets by real", "pps", [(f"topk(20, sum by (real) (rate(vc5_real_packets_total{{{_S}}}[$__rate_interval])))", "{{real}}")]),
        ("Sessions by real", "none", [(f"topk(20, sum by (real) (vc5_real_sessions{{{_S}}}))", "{{real}}")]),
        ("Share of the slots", "percentunit", [(f"topk(20, max by (real) (vc5_real_share_ratio{{{_S}}}))", "{{real}}")]),
    ]),
    ("What is not forwarded", [
        ("Dropped", "pps", [(f"sum by (reason) (rate(vc5_packets_dropped_total{{{_I}}}[$__rate_interval])) > 0", "{{reason}}")]),
        ("Left to the host, answered", "pps", [
            (f"sum by (reason) (rate(vc5_packets_passed_total{{{_I}}}[$__rate_interval])) > 0", "passed {{reason}}"),
            (f"sum by (reason) (rate(vc5_packets_answered_total{{{_I}}}[$__rate_interval])) > 0", "answered {{reason}}")]),
        ("Flows not stored", "ops", [(f"rate(vc5_flows_not_stored_total{{{_I}}}[$__rate_interval])", "{{instance}}")]),
    ]),
    ("Checks", [
        ("Checks by result", "ops", [(f"sum by (type, result) (rate(vc5_checks_total{{{_I}}}[$__rate_interval]))", "{{type}} {{result}}")]),
        ("Slowest hundredth", "s", [(f"histogram_quantile(0.99, sum by (type, le) (rate(vc5_check_duration_seconds_bucket{{{_I}}}[$__rate_interval])))", "{{type}}")]),
    ]),
    ("The load balancer itself", [
        ("Flows tracked", "none", [(f"sum by (instance, table) (vc5_flow_table_entries{{{_I}}})", "{{instance}} {{table}}")]),
        ("Maps in use", "percentunit", [(f"vc5_map_entries{{{_I}}} / vc5_map_capacity_entries", "{{instance}} {{map}}")]),
        ("CPU of vc5d", "percentunit", [(f'rate(process_cpu_seconds_total{{{_I}, job="vc5"}}[$__rate_interval])', "{{instance}}")]),
        ("Events by level", "ops", [(f"sum by (level) (rate(vc5_log_events_total{{{_I}}}[$__rate_interval]))", "{{level}}")]),
        ("Reloads", "s", [(f"increase(vc5_reload_duration_seconds_sum{{{_I}}}[$__rate_interval])", "{{instance}} {{result}}")]),
    ]),
]  # fmt: skip


def page() -> str:
    """Grafana's JSON; import it as it is."""
    dashboard = {
        "title": "VC5",
        "uid": "vc5",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "tags": ["vc5"],
        "templating": {"list": [_source(), _variable("instance", "vc5_generation"),
                                _variable("service", 'vc5_service_info{instance=~"$instance"}')]},
        "panels": list(_panels()),
    }  # fmt: skip
    return json.dumps(dashboard, indent=1) + "\n"


def _panels() -> Any:
    y, number = 0, 0
    for title, panels in ROWS:
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}}  # fmt: skip
        y += 1
        small = title == "Now"
        height, width = (4 if small else 8), WIDTH // len(panels)
        for column, (name, unit, queries) in enumerate(panels):
            number += 1
            yield {
                "id": number,
                "type": "stat" if small else "timeseries",
                "title": name,
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "gridPos": {"x": column * width, "y": y, "w": width, "h": height},
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "targets": [
                    {"refId": chr(65 + at), "expr": query, "legendFormat": legend}
                    for at, (query, legend) in enumerate(queries)
                ],
            }
        y += height


def _source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus"}


def _variable(name: str, of: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": f"label_values({of}, {name})", "refId": name},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }
