"""docs/metrics.md: every metric as the code itself says it, beside VC5's name for the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vc5d.activity import Activity
from vc5d.web.metrics import StatusCollector

# VC5's own names, without its prefix, by ours. What VC5 has beyond these is told in the text.
VC5 = {
    "vc5_start_time_seconds": "`uptime`, as `time() - …`",
    "vc5_program_packet_seconds": "`latency`, in nanoseconds",
    "vc5_vip_up": "`vip_status`",
    "vc5_vip_changed_timestamp_seconds": "`vip_status_duration`, as `time() - …`",
    "vc5_service_sessions": "`service_sessions`; `sessions` is their sum",
    "vc5_service_flows_total": "`service_sessions_total`; `session_total` is their sum",
    "vc5_service_packets_total": "`service_rx_packets`, `service_tx_packets`; `rx_packets` is their sum",
    "vc5_service_bytes_total": "`service_rx_octets`, `service_tx_octets`; `rx_octets` is their sum",
    "vc5_service_reals_accepting": "`service_status`, as `… >= vc5_service_reals_needed`",
    "vc5_real_sessions": "`backend_sessions`",
    "vc5_real_flows_total": "`backend_sessions_total`",
    "vc5_real_packets_total": "`backend_rx_packets`, `backend_tx_packets`",
    "vc5_real_bytes_total": "`backend_rx_octets`, `backend_tx_octets`",
    "vc5_real_up": "`backend_status`",
}
_MARK = "<!-- metrics -->"

# The least status that has every metric.
STATUS: dict[str, Any] = {
    "version": "", "digest": "", "generation": 0, "started": 0, "live": 0, "interfaces": {"eth0": "native"},
    "packet_ns": 1.0, "flows": {"tcp": 0}, "capacity": {"reals": {"room": 1, "used": 0}},
    "sinks": {"slack": {"queued": 0, "sent": 0, "dropped": 0, "last_error": None}}, "vips": {"v": {"up": True, "leaving": False, "since": 0}},
    "services": {"s": {"name": "", "need": 1, "slots": {"clear": 1}, "reals": {"r": {"up": True}}}},
    "reasons": {"pass_x": 0, "drop_x": 0, "answer_x": 0, "note_x": 0},
    "sharing": {"nodes": {"n": {"address": "", "heard": 0}}, "dropped": {"mac": 0}, "merged": {"stored": 0}},
    "fleet": {"on": True, "agreed": True, "documents": {"": 1}, "settled": True, "learned": True, "held": [], "kept": [],
              "peers": [{"address": "", "name": "", "agrees": True, "heard": 0, "since": 0}]},
}  # fmt: skip


def families() -> Iterator[Any]:
    yield from StatusCollector(lambda: STATUS).collect()
    activity = Activity()
    yield from activity.registry.collect()


def full_name(family: Any) -> str:
    """As it stands in queries: counters end in _total, infos in _info."""
    return str(family.name) + {"counter": "_total", "info": "_info"}.get(family.type, "")


def _labels(family: Any) -> str:
    names = {name for sample in family.samples for name in sample.labels} - {"le"}
    if family.name in ("vc5_checks", "vc5_check_duration_seconds"):
        names = {"type", "result"} if family.name == "vc5_checks" else {"type"}
    return " ".join(f"`{name}`" for name in sorted(names))


def page() -> str:
    """The page as it is, with the table made anew."""
    path = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
    before, _, after = path.read_text().split(_MARK)
    lines = ["| name | labels | | VC5 |", "|---|---|---|---|"]
    for family in families():
        name = full_name(family)
        words = (
            f"{family.documentation} ({family.type})" if family.type == "histogram" else family.documentation
        )
        lines.append(f"| `{name}` | {_labels(family)} | {words} | {VC5.get(name, '')} |")
    return f"{before}{_MARK}\n{chr(10).join(lines)}\n{_MARK}{after}"
