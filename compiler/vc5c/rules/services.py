"""Rules about services: what is balanced, over how many, and by what table."""

from __future__ import annotations

from vc5c.addresses import Address
from vc5c.cascade import checks_of
from vc5c.maglev import MAX_REALS
from vc5c.model import Server, Service, Vip
from vc5c.problems import Place
from vc5c.rules import FIRST, Whole


def something_to_do(whole: Whole) -> None:
    if not whole.config.services:
        whole.problems.warning("no-services", "no services: every VIP would be withdrawn", Place(1, 1))


def duplicate_services(whole: Whole) -> None:
    seen: dict[tuple[Address, int, str], tuple[Service, Place, Place]] = {}
    for case in whole.cases:
        policy = case.policy
        for vip in case.service.vips:
            for protocol in policy.name.protocols:
                key = (vip.address, policy.name.port, protocol)
                if key not in seen:
                    seen[key] = (case.service, policy.place, vip.place)
                    continue
                service, policy_place, vip_place = seen[key]
                # Two policies of one service, or two services?
                same = service is case.service and policy_place != policy.place
                here, there = (policy.place, policy_place) if same else (vip.place, vip_place)
                message = f"{vip.address}:{policy.name.port}:{protocol} is a service already"
                whole.problems.error("duplicate-service", message, here, (FIRST, there))


def port_mapping(whole: Whole) -> None:
    for case in whole.cases:
        port, bind = case.policy.name.port, case.policy.bind
        if bind is not None and bind.value != port:
            message = f"port {port} cannot become {bind.value} on the real servers"
            hint = "direct return leaves the packet as it is: let the servers listen on the service's port"
            whole.problems.error("port-mapping", message, bind.place, hint=hint)


def reals_enough(whole: Whole) -> None:
    for case in whole.cases:
        place, need, count = case.policy.place, case.settings.need, len(case.servers)
        enabled = sum(not server.disabled for server in case.servers)
        if not count:
            hint = "give `servers` in the service or in each of its policies"
            whole.problems.error("no-servers", "this policy has no servers", place, hint=hint)
        elif count > MAX_REALS:
            message = f"{count} reals in one service: at most {MAX_REALS} are possible"
            whole.problems.error("too-many-reals", message, place)
        elif need and need.value > count:
            message = f"`need` is {need.value}, but the service has {count} real{'s' * (count != 1)}"
            message += ": its VIP would never be announced"
            whole.problems.error("need-above-reals", message, need.place)
        elif need and need.value > enabled:
            message = (
                f"`need` is {need.value}, but {enabled} of {count} reals are enabled: the VIP is withdrawn"
            )
            whole.problems.warning("need-above-enabled", message, need.place)


def tables_possible(whole: Whole) -> None:
    for case in whole.cases:
        size = case.settings.table_size
        if size is not None and not _is_prime(size.value):
            message = f"a table's size must be a prime, and {size.value} is not"
            whole.problems.error("table-size", message, size.place)
        elif size is not None and size.value < len(case.servers):
            message = f"a table of {size.value} slots cannot hold {len(case.servers)} reals"
            whole.problems.error("table-size", message, size.place)


def weights_of_servers(whole: Whole) -> None:
    for case in whole.cases:
        servers = {server.address for server in case.servers} if case.settings.weights else set()
        for address, weight in (case.settings.weights or {}).items():
            if address not in servers:
                message = f"{address} has a weight, but is no server here"
                whole.problems.error("weight-of-none", message, weight.place)


def supported_yet(whole: Whole) -> None:
    """What the language has and the data path has not. Said once per place."""
    for case in whole.cases:
        settings, warn = case.settings, whole.problems.warning
        dns = any(check["type"] == "dns" for check in checks_of(case.policy, "udp", settings))
        if dns:
            message = "DNS checks are compiled, but vc5d refuses a document that asks for them so far"
            warn(
                "not-yet",
                message,
                case.policy.place,
                hint="a `*` after the policy's name turns its checks off",
            )
        written: tuple[Vip | Server, ...] = (*case.service.vips, *case.servers)
        for host in written:
            if host.address.version == 6:
                warn("not-yet", "IPv6 is compiled, but vc5d refuses it so far", host.place)
        if settings.sticky and settings.sticky.value:
            warn("not-yet", "`sticky` has no effect yet", settings.sticky.place)
        if settings.scheduler and settings.scheduler.value != "maglev":
            name, place = settings.scheduler
            warn("not-yet", f"`scheduler: {name}` has no effect: Maglev tables are used", place)
        if settings.tunnel_type and settings.tunnel_type.value != "none":
            warn("not-yet", "tunnels are compiled, but not used yet", settings.tunnel_type.place)


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
