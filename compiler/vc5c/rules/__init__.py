"""What every rule is given."""

from __future__ import annotations

from typing import NamedTuple

from vc5c.cascade import Case
from vc5c.model import Config
from vc5c.problems import Problems

FIRST = "first given here"


class Whole(NamedTuple):
    """The configuration, its policies with all that they inherit, and where to report."""

    config: Config
    cases: list[Case]
    problems: Problems
