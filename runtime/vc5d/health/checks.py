"""What a document asks to be checked, in a form that can be carried out.

`compile_checks` refuses what this version cannot check: a check that is passed over in silence would
announce a VIP whose servers nobody looks at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Vc5Error
from .state import Rule
from .ways import Way, way_of

if TYPE_CHECKING:
    from ..document import Document, ServiceKey

SUPPORTED = ("http", "https", "syn", "tcp", "dns")
METHODS = {"http": ("GET", "HEAD"), "https": ("GET", "HEAD"), "dns": ("udp", "tcp")}  # the first: default
DEFAULT_EXPECT = (200,)
ANY_STATUS = 0


@dataclass(frozen=True)
class Check:
    """One check of one real. port: on the real. method: GET or HEAD; for dns udp or tcp.
    The rest only for http and https: host: the Host header and TLS's server name (empty: the VIP); expect:
    the status codes that pass; 0: any; verify: https only, whether the certificate must be good."""

    type: str
    port: int
    host: str = ""
    path: str = "/"
    method: str = ""
    expect: tuple[int, ...] = DEFAULT_EXPECT
    verify: bool = False


@dataclass(frozen=True)
class Plan:
    """All that decides how one real of one service is checked. interval, timeout: seconds.

    checks: every one must pass; none at all: the real is up while its neighbor is resolved.
    """

    service: ServiceKey
    real: str
    checks: tuple[Check, ...]
    rule: Rule
    interval: float
    timeout: float
    way: Way | None = None  # None: in layer 2

    @property
    def path(self) -> str:
        """What marks.Paths knows the way to the real by."""
        return self.way.name if self.way else self.real


Name = tuple["ServiceKey", str]  # a real of a service: the service's key, the real's address
Plans = dict[Name, Plan]


def compile_checks(document: Document, before: Document | None = None, known: Plans | None = None) -> Plans:
    """(service, real's address) -> Plan. Services that `before` had as the very same objects have the plans
    that are `known`. Raises Vc5Error naming every check that cannot be carried out."""
    plans: Plans = {}
    problems: list[str] = []
    shared: dict[tuple[Check, ...], tuple[Check, ...]] = {}
    for key, service in document.services.items():
        if before and known and before.services.get(key) is service:
            plans.update(((key, address), known[key, address]) for address in service.reals)
            continue
        health = service.health
        rule = Rule(health.threshold, health.window)
        for address, real in service.reals.items():
            checks = tuple(_check(raw, real.port) for raw in real.checks)
            checks = shared.setdefault(checks, checks)
            for check in checks:
                if problem := _problem(check):
                    problems.append(f"service {key}, real {address}: {problem}")
            way = way_of(service, address)
            plans[key, address] = Plan(key, address, checks, rule, health.interval, health.timeout, way)
    if problems:
        raise _refusal(problems)
    return plans


def _check(raw: Mapping[str, Any], real_port: int) -> Check:
    kind = str(raw["type"])
    default_method = METHODS.get(kind, ("",))[0]
    method = str(raw.get("method") or default_method)
    return Check(
        type=kind,
        port=int(raw.get("port") or real_port),
        host=str(raw.get("host") or ""),
        path=str(raw.get("path") or "/"),
        method=method.lower() if kind == "dns" else method.upper(),
        expect=tuple(raw.get("expect") or DEFAULT_EXPECT),
        verify=bool(raw.get("verify")),
    )


def _problem(check: Check) -> str:
    if check.type not in SUPPORTED:
        return f"checks of type {check.type!r} are not supported: use {', '.join(SUPPORTED)}"
    if check.port == 0:
        return f"the {check.type} check needs a port: the service takes every port, and so has none to ask"
    if check.method not in METHODS.get(check.type, (check.method,)):
        return f"a {check.type} check by {check.method}: use {' or '.join(METHODS[check.type])}"
    if check.verify and check.type != "https":
        return f"a {check.type} check has no certificate to verify"
    return ""


def _refusal(problems: list[str]) -> Vc5Error:
    shown = "; ".join(problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return Vc5Error(
        f"this document cannot be checked as it asks: {shown}{more}", "change the YAML and compile it again"
    )
