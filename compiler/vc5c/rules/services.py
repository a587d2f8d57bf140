"""Rules about services: what is balanced, over how many, and by what table."""

from __future__ import annotations

from vc5c.addresses import Address
from vc5c.maglev import MAX_REALS
from vc5c.model import Service
from vc5c.problems import Place, did_you_mean
from vc5c.resolve import LEASTCONN
from vc5c.rules import FIRST, Whole

SCHEDULERS = ("maglev", LEASTCONN)


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
            message = (
                f"{f'port {port}' if port else 'every port'} cannot become {bind.value} on the real servers"
            )
            hint = "direct return leaves the packet as it is: let the servers listen on the service's port"
            note = ("the service's port is here", case.policy.place)
            whole.problems.error("port-mapping", message, bind.place, note, hint=hint)


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
            note = ("its servers are here", case.servers[0].place)
            whole.problems.error("need-above-reals", message, need.place, note)
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
                notes = [("its servers are here", case.servers[0].place)] if case.servers else []
                whole.problems.error("weight-of-none", message, weight.place, *notes)


def checks_have_ports(whole: Whole) -> None:
    """Of a service for every port: there is none that could be meant."""
    for case in whole.cases:
        for check in case.policy.checks if case.policy.name.port == 0 and case.policy.checked else ():
            if check.port is None:
                message = "a check of every port's service must name its own port"
                whole.problems.error("check-needs-port", message, check.place, hint="port: 80, for example")


def schedulers_known(whole: Whole) -> None:
    """What is accepted but means something else here."""
    for case in whole.cases:
        scheduler, sticky, track = case.settings.scheduler, case.settings.sticky, case.settings.track
        if scheduler is None:
            continue
        name, place = scheduler
        if name not in SCHEDULERS:
            message = f"`scheduler: {name}` means `maglev` here{did_you_mean(name, SCHEDULERS)}"
            whole.problems.warning("other-scheduler", message, place, hint=f"known: {', '.join(SCHEDULERS)}")
        if name == LEASTCONN and sticky and sticky.value:
            message = (
                "a sticky service's scheduler is always `maglev`: a source must find the same real again"
            )
            whole.problems.warning("sticky-leastconn", message, place, ("sticky here", sticky.place))
        elif name == LEASTCONN and track and track.value != "full":
            message = (
                f"`track: {track.value}` has no effect with `scheduler: leastconn`, which tracks every flow"
            )
            whole.problems.warning("leastconn-tracks", message, track.place, ("leastconn here", place))


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
