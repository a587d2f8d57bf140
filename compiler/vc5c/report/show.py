"""Which format goes where.

People read standard error. What is for programs goes to standard output when nothing else is written there
(`--check`, or `-o FILE`), so that it can be redirected; else to standard error too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from vc5c.report import Report, github, human, machine, sarif
from vc5c.report.colour import wanted

FORMATS: dict[str, Callable[[Sequence[Report]], str]] = {
    "json": machine.text,
    "github": github.text,
    "sarif": sarif.text,
}
NAMES = ("human", *FORMATS)


def show(reports: Sequence[Report], form: str, colour: str, output_is_free: bool) -> None:
    """Everything that was found, in one of NAMES. colour: auto, always or never."""
    if form == "human":
        sys.stderr.write(human.text(reports, wanted(colour, sys.stderr)))
    else:
        stream = sys.stdout if output_is_free else sys.stderr
        stream.write(FORMATS[form](reports))
        stream.flush()
