"""What vc5d made on this host, and whether somebody still stands behind it. All of it is named here: what
`vc5d --uninstall` removes, and what it does not."""

from __future__ import annotations

import shlex

from ...announce.routes import ANNOUNCE, SHUTDOWN
from ...defaults import PIN_DIR
from .finding import Finding, Findings, fail, ok, warn
from .gather import Host


def _uninstall(host: Host) -> str:
    """Of the pins that were looked at, which need not be the usual ones."""
    pins = "" if host.pin_dir == PIN_DIR else f" --pin {shlex.quote(str(host.pin_dir))}"
    return f"vc5d --uninstall{pins}    # or start vc5d, which takes all of it over"


def judge(host: Host) -> Findings:
    if host.status is not None:
        return [_running(host), *_other_program(host)]
    if host.forbidden:
        return [
            warn(
                "vc5d",
                f"it cannot be asked: {host.why_not}",
                "much of what the doctor looks at is not to be seen for this user",
                "sudo vc5ctl doctor; or, from the next login on: adduser YOU vc5",
            )
        ]
    if host.other_running:
        return [
            warn(
                "vc5d",
                f"one works in this network namespace, but: {host.why_not}",
                "whatever it would say is missing here",
                "vc5ctl --socket PATH doctor    # PATH as given to vc5d",
            )
        ]
    found = [
        finding
        for finding in (_attached(host), _pins(host), _rules(host), _routes(host), _tun(host))
        if finding
    ]
    return (
        [_stopped(), *found, *_other_program(host)]
        if found
        else [ok("vc5d", "it does not run, and nothing of it is left")]
    )


def _running(host: Host) -> Finding:
    status = host.status or {}
    announced = len(status.get("announced", ()))
    return ok("vc5d", f"it runs, version {status.get('version', '?')}, and announces {announced} VIPs")


def _stopped() -> Finding:
    return warn(
        "vc5d",
        "it does not run",
        "nobody checks health, follows MACs or announces",
        "systemctl start vc5d; journalctl -u vc5d says why it ended",
    )


def _attached(host: Host) -> Finding | None:
    if not host.links:
        return None
    return warn(
        "leftovers",
        f"the program is on {', '.join(sorted(host.links))} without a vc5d",
        "it forwards what still arrives, by states that nobody renews; after a planned stop that is meant",
        _uninstall(host),
    )


def _other_program(host: Host) -> Findings:
    """While somebody traces it is meant; without a vc5d it cannot be."""
    others = sorted(name for name, plain in host.links.items() if not plain)
    if not others:
        return []
    if host.status is not None:
        return [ok("vc5d", f"somebody traces: the tracing program is on {', '.join(others)}")]
    return [
        warn(
            "leftovers",
            f"the tracing program is on {', '.join(others)}: vc5d was killed while somebody traced",
            "every packet is dearer than it need be",
            "start vc5d, which puts the plain program back",
        )
    ]


def _pins(host: Host) -> Finding | None:
    if not host.pinned:
        return None
    return warn(
        "leftovers",
        f"maps and program are pinned in {host.pin_dir}",
        "they hold memory; a vc5d that starts goes on with them",
        _uninstall(host),
    )


def _rules(host: Host) -> Finding | None:
    if not host.rules and not host.marked_tables:
        return None
    tables = f" and {len(host.marked_tables)} routing tables" if host.marked_tables else ""
    return warn(
        "leftovers",
        f"{host.rules} routing rules of health checks (priorities 29800 to 29803){tables}",
        "vc5d was killed: they lead only marked packets, so they do no harm",
        _uninstall(host),
    )


def _routes(host: Host) -> Finding | None:
    if not host.routes:
        return None
    return fail(
        "leftovers",
        f"routes of announced VIPs without a vc5d: {', '.join(sorted(host.routes)[:5])}",
        "BIRD announces them, and nobody checks whether a real is there",
        "; ".join(
            f"ip {family} route flush table {host.table} proto {protocol}"
            for family in ("-4", "-6")
            for protocol in (ANNOUNCE, SHUTDOWN)
        ),
    )


def _tun(host: Host) -> Finding | None:
    if not host.tun:
        return None
    return warn(
        "leftovers",
        "the TUN device of announced routes is there without a vc5d",
        "a process holds it, or systemd over a restart: routes that point at it are still announced",
        f"ip tuntap del dev {shlex.quote(host.tun_name)} mode tun",
    )
