"""The commands of vc5ctl, carried out.

Exit codes: 0 all well; 1 vc5d is not there, or refused; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..outcome import guarded
from . import naming
from .ask import ask
from .pages import drains, drops, flows, peers, reals, services, status, vips
from .pages.view import Page
from .parser import parser
from .quiet import quiet
from .watch import show

_PAGES: Mapping[str, Page] = {
    "status": status.PAGE,
    "services": services.PAGE,
    "reals": reals.PAGE,
    "vips": vips.PAGE,
    "drops": drops.PAGE,
    "flows": flows.PAGE,
    "drains": drains.PAGE,
    "peers": peers.PAGE,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code."""
    return guarded("vc5ctl", lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = parser().parse_args(arguments)
    _resolve(options)
    if options.command in _PAGES:
        return show(_PAGES[options.command], options)
    return _OTHERS[options.command](options)


def _resolve(options: argparse.Namespace) -> None:
    """Names as people have them, to vc5d's. Raises Vc5Error."""
    kind = getattr(options, "kind", None)
    if options.command in ("flows", "drain", "undrain") and getattr(options, "service", None):
        options.service = naming.service(options.socket, options.service)
    if kind == "service":
        options.name = naming.service(options.socket, options.name)
    if (kind in ("vip", "real") or options.command == "reals") and options.name:
        options.name = naming.address(options.name)
    if options.command == "flows" and options.real:
        options.real = naming.address(options.real)


def _reload(options: argparse.Namespace) -> int:
    result = ask(options.socket, "reload")
    if options.json:
        return _as_json(result)
    changed = "now live" if result["changed"] else "unchanged"
    sys.stdout.write(f"{result['digest']} {changed}\n")
    return 0


def _as_json(result: Any) -> int:
    sys.stdout.write(json.dumps(result, sort_keys=True) + "\n")
    return 0


def _drain(options: argparse.Namespace) -> int:
    """Or undrain."""
    named = {"kind": options.kind, "service": getattr(options, "service", None)}
    if options.kind != "host":
        named[options.kind] = options.name
    values: dict[str, Any] = {"target": {name: value for name, value in named.items() if value}}
    if options.command == "drain":
        values["force"] = options.force
    result = ask(options.socket, options.command, **values)
    if options.json:
        return _as_json(result)
    sys.stdout.write(f"{result['target']}: {options.command}ed\n")
    return 0


# What these need takes longer to import than most commands to carry out.


def _doctor(options: argparse.Namespace) -> int:
    from .doctor.command import doctor  # noqa: PLC0415

    return doctor(options)


def _trace(options: argparse.Namespace) -> int:
    from .trace.command import trace  # noqa: PLC0415

    return trace(options)


_OTHERS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "reload": _reload,
    "drain": _drain,
    "undrain": _drain,
    "trace": _trace,
    "doctor": _doctor,
    "quiet": quiet,
}
