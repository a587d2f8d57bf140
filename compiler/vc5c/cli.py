"""vc5c: compile a configuration to the document that vc5d applies.

Exit codes: 0 clean (warnings allowed), 1 the configuration has problems, 2 could not run.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address

from vc5c import emit, output
from vc5c.bird import BirdOptions, render_bird
from vc5c.compile import load
from vc5c.model import Config
from vc5c.problems import Problem, Problems, Rejected, render, summary
from vc5c.resolve import resolve
from vc5c.source import Source, Unreadable, read

CLEAN, PROBLEMS, COULD_NOT_RUN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    gc.disable()  # it ends soon, and looking for cycles among a million nodes takes a sixth of its time
    options = _parser().parse_args(arguments)
    try:
        return run(options)
    except (Unreadable, output.Unwritable) as error:
        print(f"vc5c: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return 130


def run(options: argparse.Namespace) -> int:
    """Compile, report, write. Raises Unreadable, Unwritable."""
    source, problems = read(options.config), Problems()
    try:
        config = load(source, problems)
        pieces = () if options.check else _emit(config, options, problems)
    except Rejected as rejected:
        _report(rejected.problems, source)
        return PROBLEMS
    _report(problems.found, source)
    if not options.check:
        output.write(pieces, options.output)
    return CLEAN


def _emit(config: Config, options: argparse.Namespace, problems: Problems) -> Iterable[str]:
    if options.emit == "bird":
        return render_bird(config, _bird_options(options), problems)
    return emit.document(resolve(config))


def _bird_options(options: argparse.Namespace) -> BirdOptions:
    return BirdOptions(options.router_id, tuple(options.source), options.bfd_interval, options.bfd_multiplier)


def _report(problems: list[Problem], source: Source) -> None:
    colour = _is_terminal() and not os.environ.get("NO_COLOR")
    for problem in problems:
        print(render(problem, source, colour), file=sys.stderr)
    if problems:
        print(f"vc5c: {source.name}: {summary(problems)}", file=sys.stderr)


def _is_terminal() -> bool:
    return sys.stderr.isatty()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vc5c", description="Compile a load balancer's configuration.")
    parser.add_argument("config", help="the configuration, in YAML; - for standard input")
    parser.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="write here, atomically (default: stdout)"
    )
    parser.add_argument("--check", action="store_true", help="only check, and print the problems")
    parser.add_argument(
        "--emit", choices=("json", "bird"), default="json", help="what to write (default: json)"
    )
    bird = parser.add_argument_group("for --emit bird")
    bird.add_argument("--router-id", type=_address, metavar="A", help="this host's router id")
    bird.add_argument(
        "--source",
        type=_address,
        action="append",
        default=[],
        metavar="A",
        help="this host's address towards its peers; once per network",
    )
    bird.add_argument(
        "--bfd-interval",
        type=int,
        default=100,
        metavar="MS",
        help="milliseconds between BFD packets (default: 100)",
    )
    bird.add_argument(
        "--bfd-multiplier",
        type=int,
        default=5,
        metavar="N",
        help="lost packets that make a peer down (default: 5)",
    )
    return parser


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IPv4 address") from error


if __name__ == "__main__":
    sys.exit(main())
