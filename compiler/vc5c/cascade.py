"""The cascade: what is given with a policy wins over its service, and both over the defaults."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, NamedTuple

from vc5c.model import Check, Config, Policy, Server, Service, Settings

METHODS = {"http": ("GET", "HEAD"), "https": ("GET", "HEAD"), "dns": ("tcp", "udp")}


def effective(config: Config, service: Service, policy: Policy) -> Settings:
    """The settings of one policy of a service, with everything that it inherits."""
    base = replace(service.settings, scheduler=service.settings.scheduler or config.scheduler)
    given = {
        f.name: value for f in fields(Settings) if (value := getattr(policy.settings, f.name)) is not None
    }
    if base.weights is not None and policy.settings.weights is not None:
        given["weights"] = {**base.weights, **policy.settings.weights}
    given["places"] = {**base.places, **policy.settings.places}
    return replace(base, **given)


class Case(NamedTuple):
    """One policy of one service, with all that it inherits: what becomes a service per VIP and protocol."""

    service: Service
    policy: Policy
    settings: Settings
    servers: tuple[Server, ...]


def cases(config: Config) -> list[Case]:
    """Every policy of every service."""
    return [
        Case(service, policy, effective(config, service, policy), servers_of(service, policy))
        for service in config.services
        for policy in service.policies
    ]


def servers_of(service: Service, policy: Policy) -> tuple[Server, ...]:
    return service.servers if policy.servers is None else policy.servers


def tunnelled(settings: Settings) -> bool:
    """Whether packets reach the reals through a tunnel, so that these may be anywhere."""
    return settings.tunnel_type is not None and settings.tunnel_type.value != "none"


def checks_of(policy: Policy, protocol: str, settings: Settings) -> tuple[dict[str, Any], ...]:
    """A policy's health checks as the document has them; only what is given is there."""
    if not policy.checked:
        return ()
    if policy.checks:
        return tuple(_check(check, protocol, settings) for check in policy.checks)
    if policy.name.check is None:
        return ()
    implied = Check(policy.name.check, None, None, None, None, None, None, policy.place)
    return (_check(implied, protocol, settings),)


def _check(check: Check, protocol: str, settings: Settings) -> dict[str, Any]:
    written: dict[str, Any] = {"type": check.type, "port": check.port}
    # `method: HEAD` of a service with a web and a DNS policy is meant for the web one only.
    method = next((m for m in (check.method, settings.method) if m in METHODS.get(check.type, ())), None)
    if check.type == "dns":
        written["method"] = method or protocol
    elif check.type in ("http", "https"):
        expect = check.expect or settings.expect
        written["host"] = check.host or settings.host
        written["path"] = check.path or settings.path
        written["method"] = method
        written["expect"] = None if expect is None else list(expect)
    if check.type == "https":
        verify = settings.verify if check.verify is None else check.verify
        written["verify"] = verify or None
    return {key: value for key, value in written.items() if value is not None}
