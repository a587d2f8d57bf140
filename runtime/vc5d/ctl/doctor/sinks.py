"""Where events go beside the log: who waits for alerts that do not come does not look at the log."""

from __future__ import annotations

from .finding import Findings, ok, warn
from .gather import Host


def judge(host: Host) -> Findings:
    sinks = (host.status or {}).get("sinks") or {}
    failing = {name: each["last_error"] for name, each in sinks.items() if each["last_error"] is not None}
    well = sorted(sinks.keys() - failing.keys())
    found = [ok("alerts", f"sent to {', '.join(well)}")] if well else []
    return [
        *found,
        *(
            warn(
                "alerts",
                f"{name} takes nothing: {why}",
                "nobody who is told of events there hears of them",
                "mend what it names; a secret is read again by: vc5ctl reload    # docs/logging.md",
            )
            for name, why in sorted(failing.items())
        ),
    ]
