"""Rules that look at more than one value. RULES is the list that runs.

Errors are what could not work or cannot be meant; warnings are what works otherwise than one may expect.
"""

from __future__ import annotations

from collections.abc import Callable

from vc5c.cascade import cases
from vc5c.model import Config
from vc5c.problems import Problems
from vc5c.rules import Whole, announcing, checks, hosts, network, services, serving, tables, tunnels

RULES: tuple[Callable[[Whole], None], ...] = (
    services.something_to_do,
    services.duplicate_services,
    services.port_mapping,
    services.reals_enough,
    services.tables_possible,
    services.weights_of_servers,
    services.checks_have_ports,
    services.schedulers_known,
    network.vips_fit,
    network.servers_fit,
    network.families_agree,
    network.vlans_apart,
    network.servers_in_vlans,
    network.neighbors_make_sense,
    network.announced_vips_exist,
    tunnels.tunnels_are_whole,
    tunnels.tunnel_settings_have_effect,
    tunnels.tunnels_told_apart,
    tunnels.ipv6_fits,
    checks.every_service_checked,
    checks.checks_speak_the_protocol,
    checks.checks_differ,
    checks.paths_begin_with_a_slash,
    checks.https_names_a_host,
    checks.settings_have_effect,
    checks.checks_in_time,
    checks.checks_not_too_many,
    serving.some_real_enabled,
    serving.need_something,
    serving.tcp_is_tracked,
    serving.some_clients_let_in,
    tables.shares_are_whole,
    tables.weights_are_whole,
    tables.tables_fit,
    hosts.servers_are_hosts,
    hosts.multicast_is_multicast,
    announcing.somebody_told,
    announcing.filters_let_vips_pass,
    announcing.as_numbers_usable,
    announcing.options_reach_the_peer,
)


def validate(config: Config, problems: Problems) -> None:
    """Report everything that breaks a rule. Raises Rejected if any of it is an error."""
    whole = Whole(config, cases(config), problems)
    for rule in RULES:
        rule(whole)
    problems.stop_on_errors()
