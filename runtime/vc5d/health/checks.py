"""What a document asks to be checked of a real, in a form that can be carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .state import Rule
from .ways import Way

if TYPE_CHECKING:
    from ..document import ServiceKey

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


def check_of(raw: Mapping[str, Any], real_port: int) -> Check:
    """The check that a document describes."""
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


def problem_of(check: Check) -> str:
    """Why it cannot be carried out; empty if it can."""
    if check.type not in SUPPORTED:
        return f"checks of type {check.type!r} are not supported: use {', '.join(SUPPORTED)}"
    if check.port == 0:
        return f"the {check.type} check needs a port: the service takes every port, and so has none to ask"
    if check.method not in METHODS.get(check.type, (check.method,)):
        return f"a {check.type} check by {check.method}: use {' or '.join(METHODS[check.type])}"
    if check.verify and check.type != "https":
        return f"a {check.type} check has no certificate to verify"
    return ""
