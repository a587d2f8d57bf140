"""The command line of vc5c."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, ip_address

from vc5c.asking_options import add_explain_options, add_plan_options, refuse_conflicts
from vc5c.completion import add_completion
from vc5c.report.colour import CHOICES as COLOURS
from vc5c.report.rule_entry import ShowRule
from vc5c.report.show import NAMES as FORMATS


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Errors in the command line end the program with 2: it could not run."""
    commands = parser()
    options = commands.parse_intermixed_args(arguments)
    if options.more and not options.check:
        commands.error("several configurations can be checked (--check), but only one compiled")
    refuse_conflicts(commands, options)
    return options


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vc5c", description="Compile a load balancer's configuration.")
    add = parser.add_argument
    add("config", metavar="config.yaml", help="the configuration; - for standard input")
    add("more", nargs="*", metavar="config.yaml", help="more of them, with --check")
    add("-o", "--output", default="-", metavar="FILE", help="write here, atomically (default: stdout)")
    add("--emit", choices=("json", "bird"), default="json", help="what to write (default: json)")
    migrate = "print the configuration with the words of VC5's older versions rewritten to today's"
    add("--migrate", action="store_true", help=migrate)
    add(
        "--neighbors",
        metavar="FILE",
        help="MACs that the configuration lacks: YAML, or `ip -j neigh`'s output",
    )
    add("--resolve", action="store_true", help="take MACs that are still lacking from this host's kernel")
    _problem_options(parser)
    _cache_options(parser)
    _bird_options(parser)
    add_plan_options(parser)
    add_explain_options(parser)
    add_completion(parser)
    return parser


def _cache_options(parser: argparse.ArgumentParser) -> None:
    """Where tables that were made before are kept."""
    add = parser.add_argument_group("tables").add_argument
    folder = "keep tables here for the next time (default: $VC5C_CACHE, or vc5c in the user's cache folder)"
    add("--cache-dir", metavar="DIR", help=folder)
    add("--no-cache", action="store_true", help="make all tables anew, and keep none")


def _problem_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("problems").add_argument
    add("--check", action="store_true", help="only check, and print the problems")
    add("--strict", action="store_true", help="warnings are problems too: exit code 1, nothing is written")
    add("--format", choices=FORMATS, default="human", help="how problems are printed (default: human)")
    add(
        "--color",
        choices=COLOURS,
        default="auto",
        help="colour (default: auto, on a terminal and unless NO_COLOR is set)",
    )
    add("--rule", action=ShowRule, metavar="ID", help="explain a rule: the word in brackets after a message")


def _bird_options(parser: argparse.ArgumentParser) -> None:
    """What belongs to the host, and so is not in the configuration."""
    add = parser.add_argument_group("for --emit bird").add_argument
    add("--router-id", type=_address, metavar="A", help="this host's router id")
    source = "this host's address towards its peers, IPv4 or IPv6; once per network"
    add("--source", type=_any_address, action="append", default=[], metavar="A", help=source)
    interval = "milliseconds between BFD packets (default: 100)"
    add("--bfd-interval", type=_between(10, 60_000), default=100, metavar="MS", help=interval)
    multiplier = "lost packets that make a peer down (default: 5)"
    add("--bfd-multiplier", type=_between(2, 255), default=5, metavar="N", help=multiplier)
    protected = 'a file of this host with BIRD\'s `password "…";` for the session with PEER; once per peer'
    add("--password", type=_password, action="append", default=[], metavar="PEER=FILE", help=protected)


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 address") from error


def _any_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address") from error


def _password(text: str) -> tuple[str, str]:
    peer, _, file = text.partition("=")
    if not file.startswith("/") or not file.isprintable() or '"' in file:
        raise argparse.ArgumentTypeError(f"{text!r} is not PEER=/absolute/path")
    return _any_address(peer), file


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text[:9]) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return number
