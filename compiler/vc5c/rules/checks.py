"""Rules about health checks: what they cover, and whether they can be carried out in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vc5c.cascade import Case, checks_of
from vc5c.problems import Place
from vc5c.resolve import INTERVAL, TIMEOUT, WINDOW
from vc5c.rules import Whole

HTTP = ("http", "https")
HTTP_SETTINGS = ("host", "path", "expect")
MOST_CHECKS = 4000  # a second, that vc5d was seen to do on one core (docs/document.md)


def every_service_checked(whole: Whole) -> None:
    for case in whole.cases:
        name = case.policy.name
        if case.policy.checked and not case.policy.checks and name.check is None:
            message = "no health check covers this service: a server that fails keeps its share"
            hint = "give `checks`, or a `*` after the name to say that none is wanted"
            whole.problems.warning("unchecked", message, case.policy.place, hint=hint)


def checks_speak_the_protocol(whole: Whole) -> None:
    """The port of a UDP service, asked by TCP, where the service has no TCP on that port."""
    tcp = {(vip.address, case.policy.name.port) for case in whole.cases for vip in case.service.vips
           if "tcp" in case.policy.name.protocols}  # fmt: skip
    for case in whole.cases:
        name = case.policy.name
        if name.protocols != ("udp",) or any((vip.address, name.port) in tcp for vip in case.service.vips):
            continue
        for check in checks_of(case.policy, "udp", case.settings):
            if check["type"] != "dns" and check.get("port", name.port) == name.port:
                message = f"a {check['type']} check of port {name.port} asks by TCP, and the service is UDP"
                hint = "give the check the `port` of something that speaks TCP"
                whole.problems.warning("tcp-check-of-udp", message, case.policy.place, hint=hint)


def checks_differ(whole: Whole) -> None:
    for case in whole.cases:
        seen: list[dict[str, Any]] = []
        for check in checks_of(case.policy, case.policy.name.protocols[0], case.settings):
            if check in seen:
                message = f"this policy has the same {check['type']} check twice"
                whole.problems.warning("duplicate-check", message, case.policy.place)
            seen.append(check)


def paths_begin_with_a_slash(whole: Whole) -> None:
    for case, check in _http_checks(whole):
        path = check.get("path", "/")
        if not path.startswith("/"):
            message, hint = f"the path `{path}` does not begin with a slash", f"write `/{path}`"
            place = _place(case, "path")
            whole.problems.warning("path-without-slash", message, place, hint=hint)


def https_names_a_host(whole: Whole) -> None:
    for case, check in _http_checks(whole):
        if check["type"] == "https" and "host" not in check:
            message = "an https check without a `host` sends no server name (SNI)"
            whole.problems.note("https-without-host", message, case.policy.place)


def settings_have_effect(whole: Whole) -> None:
    """Of a policy's own: a service's may be meant for another of its policies."""
    for case in whole.cases:
        types = {check["type"] for check in checks_of(case.policy, "tcp", case.settings)}
        for key in HTTP_SETTINGS:
            if not types & {*HTTP} and getattr(case.policy.settings, key) is not None:
                message = f"`{key}` has no effect: this policy has no http check"
                whole.problems.warning("no-effect", message, _place(case, key))


def checks_in_time(whole: Whole) -> None:
    holds = [peer.hold_time for peer in whole.config.peers if peer.hold_time]
    for case in _checked(whole):
        interval, timeout = case.settings.interval or INTERVAL, case.settings.timeout or TIMEOUT
        threshold, window = case.settings.window or WINDOW
        if timeout > interval * window:
            message = f"a check may take {timeout} s, longer than its window of {window}, {interval} s apart"
            place = _place(case, "timeout", "interval")
            whole.problems.warning(
                "slow-timeout", message, place, hint="a `timeout` of at most the `interval`"
            )
        seconds = threshold * max(interval, timeout)
        if holds and seconds > min(holds):
            message = (
                f"a failed server is noticed after {seconds:g} s, a dead load balancer after {min(holds)}"
            )
            place = _place(case, "interval", "timeout", "window")
            whole.problems.note("slower-than-bgp", message, place)


def checks_not_too_many(whole: Whole) -> None:
    rates = [(_rate(case), case) for case in _checked(whole)]
    total = sum(rate for rate, _ in rates)
    if total > MOST_CHECKS:
        _, busiest = max(rates, key=lambda pair: pair[0])
        message = f"{total:.0f} health checks a second, and {MOST_CHECKS} are what a load balancer can do"
        place = _place(busiest, "interval")
        whole.problems.warning("too-many-checks", message, place, hint="a longer `interval`")


def _rate(case: Case) -> float:
    """Checks a second of all the services that a case becomes."""
    name = case.policy.name
    checks = sum(len(checks_of(case.policy, protocol, case.settings)) for protocol in name.protocols)
    return len(case.service.vips) * len(case.servers) * checks / (case.settings.interval or INTERVAL)


def _checked(whole: Whole) -> Iterator[Case]:
    return (case for case in whole.cases if checks_of(case.policy, "tcp", case.settings))


def _http_checks(whole: Whole) -> Iterator[tuple[Case, dict[str, Any]]]:
    for case in whole.cases:
        for check in checks_of(case.policy, "tcp", case.settings):
            if check["type"] in HTTP:
                yield case, check


def _place(case: Case, *keys: str) -> Place:
    """Where the first of the settings that is given was given, in the policy or its service."""
    return next((case.settings.places[key] for key in keys if key in case.settings.places), case.policy.place)
