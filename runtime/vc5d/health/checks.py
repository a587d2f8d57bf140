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

if TYPE_CHECKING:
    from ..document import Document, ServiceKey

SUPPORTED = ("http", "https", "syn", "tcp")
DEFAULT_EXPECT = (200,)
ANY_STATUS = 0


@dataclass(frozen=True)
class Check:
    """One check of one real. port: on the real. The rest only for http and https: host: the Host header
    (empty: the VIP); expect: the status codes that pass; 0: any."""

    type: str
    port: int
    host: str = ""
    path: str = "/"
    method: str = "GET"
    expect: tuple[int, ...] = DEFAULT_EXPECT


@dataclass(frozen=True)
class Plan:
    """All that decides how one real of one service is checked. interval, timeout: seconds.

    checks: every one must pass; none at all: the real is up while its neighbor is resolved.
    """

    vip: str
    real: str
    checks: tuple[Check, ...]
    rule: Rule
    interval: float
    timeout: float


Plans = dict[tuple["ServiceKey", str], Plan]


def compile_checks(document: Document) -> Plans:
    """(service, real's address) -> Plan. Raises Vc5Error naming every check that cannot be carried out."""
    plans: Plans = {}
    problems: list[str] = []
    for key, service in document.services.items():
        health = service.health
        rule = Rule(health.threshold, health.window)
        for address, real in service.reals.items():
            checks = []
            for raw in real.checks:
                check = _check(raw, real.port)
                if check.type not in SUPPORTED:
                    problems.append(
                        f"service {key}, real {address}: checks of type {check.type!r} are not supported yet"
                    )
                elif check.port == 0:
                    problems.append(f"service {key}, real {address}: the {check.type} check needs a port")
                checks.append(check)
            plans[key, address] = Plan(
                key.address, address, tuple(checks), rule, health.interval, health.timeout
            )
    if problems:
        raise _refusal(problems)
    return plans


def _check(raw: Mapping[str, Any], real_port: int) -> Check:
    return Check(
        type=str(raw["type"]),
        port=int(raw.get("port") or real_port),
        host=str(raw.get("host") or ""),
        path=str(raw.get("path") or "/"),
        method=str(raw.get("method") or "GET").upper(),
        expect=tuple(raw.get("expect") or DEFAULT_EXPECT),
    )


def _refusal(problems: list[str]) -> Vc5Error:
    shown = "; ".join(problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return Vc5Error(
        f"this document cannot be checked as it asks: {shown}{more}", f"use {', '.join(SUPPORTED)}"
    )
