"""Rules that look at more than one value. Each is a function; RULES is the list that runs.

Errors are what could not work or cannot be meant; warnings are what works otherwise than one may expect.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

from vc5c.cascade import effective, servers_of
from vc5c.maglev import MAX_REALS
from vc5c.model import Address, Config, Policy, Service
from vc5c.problems import Place, Problems
from vc5c.resolve import vlan_of

FIRST = "first given here"


def validate(config: Config, problems: Problems) -> None:
    """Report everything that breaks a rule. Raises Rejected if any of it is an error."""
    for rule in RULES:
        rule(config, problems)
    problems.stop_on_errors()


def duplicate_services(config: Config, problems: Problems) -> None:
    seen: dict[tuple[Address, int, str], tuple[Service, Place, Place]] = {}
    for service, policy in _policies(config):
        for vip in service.vips:
            for protocol in policy.name.protocols:
                key = (vip.address, policy.name.port, protocol)
                if key not in seen:
                    seen[key] = (service, policy.place, vip.place)
                    continue
                other, other_policy, other_vip = seen[key]
                same = other is service and other_policy != policy.place
                here, there = (policy.place, other_policy) if same else (vip.place, other_vip)
                message = f"{vip.address}:{key[1]}:{protocol} is a service already"
                problems.error("duplicate-service", message, here, (FIRST, there))


def port_mapping(config: Config, problems: Problems) -> None:
    for _service, policy in _policies(config):
        if policy.bind is not None and policy.bind.value != policy.name.port:
            message = f"port {policy.name.port} cannot become {policy.bind.value} on the real servers"
            hint = "direct return leaves the packet as it is: let the servers listen on the service's port"
            problems.error("port-mapping", message, policy.bind.place, hint=hint)


def reals_enough(config: Config, problems: Problems) -> None:
    for service, policy in _policies(config):
        servers = servers_of(service, policy)
        need = effective(config, service, policy).need
        enabled = sum(not server.disabled for server in servers)
        if not servers:
            hint = "give `servers` in the service or in each of its policies"
            problems.error("no-servers", "this policy has no servers", policy.place, hint=hint)
        elif len(servers) > MAX_REALS:
            message = f"{len(servers)} reals in one service: at most {MAX_REALS} are possible"
            problems.error("too-many-reals", message, policy.place)
        elif need and need.value > len(servers):
            message = (
                f"`need` is {need.value}, but the service has {len(servers)} real{'s' * (len(servers) != 1)}"
            )
            problems.error("need-above-reals", f"{message}: its VIP would never be announced", need.place)
        elif need and need.value > enabled:
            message = f"`need` is {need.value}, but only {enabled} of the reals are not disabled"
            problems.warning("need-above-enabled", f"{message}: the VIP will be withdrawn", need.place)


def addresses_fit(config: Config, problems: Problems) -> None:
    vips = {vip.address: vip.place for service in config.services for vip in service.vips}
    for address, place in vips.items():
        _unicast("a virtual IP", address, place, problems)
        inside = vlan_of(address, config.vlans + config.vlans6)
        if inside is not None:
            hint = "announce a VIP from a prefix of its own: within a VLAN, ARP would be asked for it"
            note = (f"VLAN {inside.id} is here", inside.place)
            problems.error(
                "vip-in-vlan", f"the VIP {address} is inside VLAN {inside.id}", place, note, hint=hint
            )
    for service, policy in _policies(config):
        for server in servers_of(service, policy):
            _unicast("a real server", server.address, server.place, problems)
            if server.address in vips:
                note = ("the VIP is here", vips[server.address])
                problems.error(
                    "server-is-vip", f"the server {server.address} is a VIP too", server.place, note
                )


def _unicast(what: str, address: Address, place: Place, problems: Problems) -> None:
    if (
        address.is_multicast
        or address.is_unspecified
        or address.is_loopback
        or str(address) == "255.255.255.255"
    ):
        problems.error("not-unicast", f"{address} cannot be {what}: it is no unicast address", place)


def vlans_apart(config: Config, problems: Problems) -> None:
    for vlans in (config.vlans, config.vlans6):
        for a, b in combinations(sorted(vlans, key=lambda vlan: vlan.place), 2):
            if a.network.overlaps(b.network):
                note = (f"VLAN {a.id} is here", a.place)
                message = f"{b.written} of VLAN {b.id} overlaps {a.written} of VLAN {a.id}"
                problems.error("vlan-overlap", message, b.place, note)


def servers_in_vlans(config: Config, problems: Problems) -> None:
    """Only where VLANs are defined, and no tunnel is used: without, all servers are on the same subnet."""
    if not config.vlans and not config.vlans6:
        return
    for service, policy in _policies(config):
        tunnel = effective(config, service, policy).tunnel_type
        if tunnel and tunnel.value != "none":
            continue
        for server in servers_of(service, policy):
            version = server.address.version
            vlans = config.vlans if version == 4 else config.vlans6
            if vlan_of(server.address, vlans) is None:
                known = ", ".join(f"{vlan.id}: {vlan.written}" for vlan in vlans[:8]) or "none"
                hint = f"prefixes in `{'vlans' if version == 4 else 'vlans6'}`: {known}"
                problems.error(
                    "server-in-no-vlan", f"{server.address} is in no VLAN", server.place, hint=hint
                )


def tables_possible(config: Config, problems: Problems) -> None:
    for service, policy in _policies(config):
        settings, servers = effective(config, service, policy), servers_of(service, policy)
        size = settings.table_size
        if size is not None and not _is_prime(size.value):
            problems.error(
                "table-size", f"a table's size must be a prime, and {size.value} is not", size.place
            )
        elif size is not None and size.value < len(servers):
            message = f"a table of {size.value} slots cannot hold {len(servers)} reals"
            problems.error("table-size", message, size.place)
        addresses = {server.address for server in servers}
        for address, weight in (settings.weights or {}).items():
            if address not in addresses:
                problems.error(
                    "weight-of-none", f"{address} has a weight, but is no server here", weight.place
                )


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def neighbors_make_sense(config: Config, problems: Problems) -> None:
    servers = {
        server.address for service, policy in _policies(config) for server in servers_of(service, policy)
    }
    for address, mac in config.neighbors.items():
        if address not in servers:
            problems.warning("unused", f"the neighbor {address} is no server of any service", mac.place)
        if mac.value and (int(mac.value[:2], 16) & 1 or mac.value == "00:00:00:00:00:00"):
            problems.error("bad-mac", f"{mac.value} is no single station's MAC address", mac.place)


def supported_yet(config: Config, problems: Problems) -> None:
    """What the language has and the data path has not. Said once per place."""
    for service, policy in _policies(config):
        settings = effective(config, service, policy)
        for vip in service.vips:
            if vip.address.version == 6:
                problems.warning("not-yet", "IPv6 VIPs are compiled, but not forwarded yet", vip.place)
        if settings.sticky and settings.sticky.value:
            problems.warning("not-yet", "`sticky` has no effect yet", settings.sticky.place)
        if settings.scheduler and settings.scheduler.value != "maglev":
            message = f"`scheduler: {settings.scheduler.value}` has no effect: Maglev tables are used"
            problems.warning("not-yet", message, settings.scheduler.place)
        if settings.tunnel_type and settings.tunnel_type.value != "none":
            problems.warning("not-yet", "tunnels are compiled, but not used yet", settings.tunnel_type.place)


def _policies(config: Config) -> list[tuple[Service, Policy]]:
    return [(service, policy) for service in config.services for policy in service.policies]


def something_to_do(config: Config, problems: Problems) -> None:
    if not config.services:
        problems.warning("no-services", "no services: every VIP would be withdrawn", Place(1, 1))


Rule = Callable[[Config, Problems], None]
RULES: tuple[Rule, ...] = (
    duplicate_services,
    port_mapping,
    reals_enough,
    addresses_fit,
    vlans_apart,
    servers_in_vlans,
    tables_possible,
    neighbors_make_sense,
    supported_yet,
    something_to_do,
)
