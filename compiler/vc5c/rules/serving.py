"""Rules about what a service does as written, and may not be meant to."""

from __future__ import annotations

from vc5c.build_network import ALWAYS
from vc5c.rules import Whole


def some_real_enabled(whole: Whole) -> None:
    for case in whole.cases:
        withdrawn = all(vip.disabled for vip in case.service.vips)
        need = case.settings.need
        if not case.servers or withdrawn or (need is not None and need.value != 1):
            continue
        if all(server.disabled for server in case.servers):
            which = f"all {len(case.servers)} servers are" if len(case.servers) > 1 else "the only server is"
            message = f"{which} disabled: the VIP is withdrawn"
            hint = "if that is meant, put the `*` after the VIP"
            whole.problems.warning("all-disabled", message, case.policy.place, hint=hint)


def need_something(whole: Whole) -> None:
    for case in whole.cases:
        need = case.settings.need
        if need is not None and need.value == 0:
            message = "`need` is 0: the VIP is announced even when all its servers are down"
            whole.problems.note("need-zero", message, need.place)


def tcp_is_tracked(whole: Whole) -> None:
    for case in whole.cases:
        track = case.settings.track
        if track is not None and track.value == "minimal" and case.policy.name.check not in (None, "dns"):
            message = "`track: minimal` for TCP: connections break when servers are added or removed"
            whole.problems.note("minimal-tcp", message, track.place)


def some_clients_let_in(whole: Whole) -> None:
    """The lists of the level that is always in force; collapsed, so that two halves are the whole."""
    for prefix in whole.config.passed_on.get("block", {}).get(str(ALWAYS), ()):
        if prefix.endswith("/0"):
            message = (
                f"`block` drops every IPv{6 if ':' in prefix else 4} packet to every VIP, at every `defcon`"
            )
            place = whole.config.places["block"]
            whole.problems.warning(
                "blocks-all", message, place, hint="give it a level from 1 to 4, or remove it"
            )
