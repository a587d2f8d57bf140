"""`vc5c --rule ID`: an entry of the catalogue, in the terminal."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import Any

from vc5c.catalogue import RULES, Rule
from vc5c.catalogue.examples import shown
from vc5c.problems import did_you_mean


class ShowRule(argparse.Action):
    """Prints the entry and ends the program, as --help does."""

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: Any, value: Any, _option: Any = None
    ) -> None:
        rule = RULES.get(value)
        if rule is None:
            parser.error(f"no rule is called {value!r}{did_you_mean(value, RULES)}")
        sys.stdout.write(entry(rule))
        parser.exit()


def entry(rule: Rule) -> str:
    """The text, with a newline at its end."""
    parts = [f"{rule.id} ({rule.severity})", _filled(rule.means), _filled(f"Why: {rule.why}")]
    if rule.example:
        parts.append("For example:\n\n" + textwrap.indent(shown(rule.example).rstrip(), "    "))
    parts.append(_filled(f"What to do: {rule.fix}"))
    if rule.silenceable:
        parts.append(_filled(f"Where it is meant: # vc5c: ignore[{rule.id}]"))
    return "\n\n".join(parts) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(text, 79, break_on_hyphens=False)
