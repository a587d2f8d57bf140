"""The options of `--diff` and `--explain`."""

from __future__ import annotations

import argparse


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("to plan a change").add_argument
    old = "what becomes of services and connections, from OLD, a document or YAML, to the configuration"
    add("--diff", metavar="OLD", help=f"{old}; exit code 0: nothing, 3: changes")
    add("--plan-format", choices=("human", "json", "markdown"), default="human", help="default: human")
    sessions = "connections of each service: a number, or a JSON file of `vc5ctl status --json`; adds up"
    add("--sessions", action="append", default=[], metavar="N|FILE", help=sessions)
    above = "exit with 4, and write nothing, if more than this of any service's connections are at risk"
    add("--fail-above", type=_percentage, metavar="PERCENT", help=above)


def add_explain_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("to explain a flow").add_argument
    flow = "which real takes a flow, and why: 203.0.113.7:51234 192.168.101.1:53/udp, [CLIENT]:5 [VIP]:80"
    add("--explain", nargs=2, metavar=("CLIENT", "VIP"), help=flow)
    add("--explain-format", choices=("human", "json"), default="human", help="default: human")
    add("--down", action="append", default=[], metavar="REAL", help="as if its health checks failed")
    add("--draining", action="append", default=[], metavar="REAL", help="as if it took no new flows")
    add("--seed-file", metavar="FILE", help="vc5d's credential, for `seed: secret`")


def refuse_conflicts(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Ends the program with 2 for options that contradict each other or have no effect."""
    asked = [name for name in ("diff", "explain") if getattr(options, name) is not None]
    others = {"check": options.check, "migrate": options.migrate, "emit": options.emit != "json"}
    asked_too = asked[1:] + [name for name, given in others.items() if given]
    if asked and asked_too:
        parser.error(f"--{asked[0]} and --{asked_too[0]} cannot be given together")
    needs = {
        "diff": ("sessions", "fail_above"),
        "explain": ("down", "draining", "seed_file"),
    }
    for name, parts in needs.items():
        alone = [part for part in parts if getattr(options, part) not in (None, [])]
        if alone and name not in asked:
            parser.error(f"--{alone[0].replace('_', '-')} needs --{name}")


def _percentage(text: str) -> float:
    """A share, 0 … 1."""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage from 0 to 100")
    return number / 100
