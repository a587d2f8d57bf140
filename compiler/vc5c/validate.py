"""Rules that look at more than one value. RULES is the list that runs.

Errors are what could not work or cannot be meant; warnings are what works otherwise than one may expect.
"""

from __future__ import annotations

from collections.abc import Callable

from vc5c import rules_network, rules_services
from vc5c.cascade import cases
from vc5c.model import Config
from vc5c.problems import Problems
from vc5c.rules import Whole

RULES: tuple[Callable[[Whole], None], ...] = (
    rules_services.something_to_do,
    rules_services.duplicate_services,
    rules_services.port_mapping,
    rules_services.reals_enough,
    rules_services.tables_possible,
    rules_services.weights_of_servers,
    rules_services.supported_yet,
    rules_network.vips_fit,
    rules_network.servers_fit,
    rules_network.vlans_apart,
    rules_network.servers_in_vlans,
    rules_network.neighbors_make_sense,
)


def validate(config: Config, problems: Problems) -> None:
    """Report everything that breaks a rule. Raises Rejected if any of it is an error."""
    whole = Whole(config, cases(config), problems)
    for rule in RULES:
        rule(whole)
    problems.stop_on_errors()
