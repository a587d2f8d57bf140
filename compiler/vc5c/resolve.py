"""Config to Resolved: a service per VIP, port and protocol; the VLAN of each real; the size of each table."""

from __future__ import annotations

from typing import Any

from vc5c.addresses import Address
from vc5c.cascade import Case, cases, checks_of
from vc5c.maglev import ladder_size
from vc5c.model import Config, Settings
from vc5c.resolved import Neighbor, Resolved, ResolvedService, ServiceKey, TableSpec
from vc5c.tunnels import clamped_mss
from vc5c.vlans import VlanFinder

TRACK = {"tcp": "needed", "udp": "full"}
LEASTCONN = "leastconn"
INTERVAL, TIMEOUT, WINDOW = 1, 1, (3, 5)


def resolve(config: Config) -> Resolved:
    """Resolve what validate() has accepted; finds nothing wrong any more."""
    withdrawn = {vip.address for service in config.services for vip in service.vips if vip.disabled}
    services = [
        _service(case, ServiceKey(vip.address, case.policy.name.port, protocol), withdrawn)
        for case in cases(config)
        for protocol in case.policy.name.protocols
        for vip in case.service.vips
    ]
    services.sort(key=lambda service: (service.key.address.order, service.key.port, service.key.protocol))
    return Resolved(
        services=tuple(services),
        neighbors=_neighbors(config, services),
        vlans=config.vlans,
        vlans6=config.vlans6,
        peers=config.peers,
        seed=config.seed,
        flow_lifetime=config.flow_lifetime,
        passed_on=config.passed_on,
    )


def _service(case: Case, key: ServiceKey, withdrawn: set[Address]) -> ResolvedService:
    settings = case.settings
    servers = sorted(case.servers, key=lambda server: server.address.order)
    options = _options(settings)
    mss = clamped_mss(settings, key.address, tuple(server.address for server in servers))
    if mss is not None:
        options["mss-clamp"] = mss
    if key.address in withdrawn:
        options["disabled"] = True
    return ResolvedService(
        key=key,
        options=options,
        track=_track(settings, key.protocol),
        health=_health(settings),
        checks=checks_of(case.policy, key.protocol, settings),
        table=_table(settings, tuple(server.address for server in servers)),
        disabled=frozenset(server.address for server in servers if server.disabled),
    )


def _track(settings: Settings, protocol: str) -> str:
    """Which flows are stored. The least loaded real can only be told where all of them are."""
    if settings.scheduler and settings.scheduler.value == LEASTCONN:
        return "full"
    return settings.track.value if settings.track else TRACK[protocol]


def _options(settings: Settings) -> dict[str, Any]:
    """VC5's keys of a service: three that are always there, the others when they are given."""
    given = {
        "name": settings.name,
        "description": settings.description,
        "priority": settings.priority,
        "persist": settings.persist,
        "scheduler": settings.scheduler and settings.scheduler.value,
        "tunnel-type": settings.tunnel_type and settings.tunnel_type.value,
        "tunnel-port": settings.tunnel_port,
        "tunnel-dscp": settings.tunnel_dscp,
        "tunnel-mtu": settings.tunnel_mtu,
        "linger": settings.linger,
        "overload": settings.overload,
    }
    options: dict[str, Any] = {
        "need": settings.need.value if settings.need else 1,
        "sticky": settings.sticky.value if settings.sticky else False,
        "reset": bool(settings.reset),
    }
    return options | {key: value for key, value in given.items() if value is not None}


def _health(settings: Settings) -> dict[str, Any]:
    threshold, window = settings.window or WINDOW
    return {
        "interval": settings.interval or INTERVAL,
        "timeout": settings.timeout or TIMEOUT,
        "threshold": threshold,
        "window": window,
    }


def _table(settings: Settings, reals: tuple[Address, ...]) -> TableSpec:
    weights = settings.weights or {}
    size = settings.table_size.value if settings.table_size else ladder_size(len(reals))
    return TableSpec(size, reals, tuple(weights[real].value if real in weights else 1 for real in reals))


def _neighbors(config: Config, services: list[ResolvedService]) -> dict[Address, Neighbor]:
    reals = {real for service in services for real in service.table.reals}
    neighbors, vlans = {}, VlanFinder(config.vlans + config.vlans6)
    for real in sorted(reals, key=lambda address: address.order):
        known = config.neighbors.get(real)
        vlan = vlans.of(real)
        neighbors[real] = Neighbor(vlan.id if vlan else None, known.value if known else None)
    return neighbors
