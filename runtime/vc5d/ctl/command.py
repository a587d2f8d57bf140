"""The commands of vc5ctl, carried out.

Exit codes: 0 all well; 1 vc5d is not there, or refused; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from ..outcome import guarded
from .ask import ask
from .parser import parser
from .status import page
from .trace.command import trace


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code."""
    return guarded("vc5ctl", lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = parser().parse_args(arguments)
    if options.command == "trace":
        return trace(options)
    result = ask(options.socket, options.command, **_values(options))
    if options.command in ("drain", "undrain"):
        sys.stdout.write(f"{result['target']}: {options.command}ed\n")
    elif options.command == "reload":
        changed = "now live" if result["changed"] else "unchanged"
        sys.stdout.write(f"{result['digest']} {changed}\n")
    elif options.json:
        sys.stdout.write(json.dumps(result, indent=2, sort_keys=True) + "\n")
    else:
        sys.stdout.write(page(result))
    return 0


def _values(options: argparse.Namespace) -> dict[str, Any]:
    """What goes with the command."""
    if options.command not in ("drain", "undrain"):
        return {}
    target = {"kind": options.kind, "service": getattr(options, "service", None)}
    if options.kind != "host":
        target[options.kind] = options.name
    given = {name: value for name, value in target.items() if value}
    return {"target": given} | ({"force": options.force} if options.command == "drain" else {})
