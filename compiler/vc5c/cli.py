"""vc5c: compile a configuration to the document that vc5d applies.

Exit codes: 0 clean (warnings allowed, unless --strict), 1 the configuration has problems, 2 could not run; of
`--diff` also 3 there are changes, 4 they are refused.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path

from vc5c import output
from vc5c.bird import BirdOptions, render_bird
from vc5c.cache import Cache, Unusable, default_folder
from vc5c.compile import load, produce
from vc5c.migrate import migrate
from vc5c.model import Config
from vc5c.neighbors import NeighborOptions
from vc5c.options import parse
from vc5c.problems import Problems, Rejected, in_order
from vc5c.progress import Progress
from vc5c.report import Report, everything
from vc5c.report.show import show
from vc5c.source import Source, Unreadable, read

CLEAN, PROBLEMS, COULD_NOT_RUN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    if arguments is None:
        gc.disable()  # as a command it ends soon: looking for cycles among a million nodes is time lost
    options = parse(arguments)
    try:
        return run(options)
    except (Unreadable, output.Unwritable) as error:
        if str(error):
            print(f"vc5c: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(f"vc5c: a defect of vc5c: {error!r} at {_way_to(error)}\n  please report it", file=sys.stderr)
        return COULD_NOT_RUN


def run(options: argparse.Namespace) -> int:
    """Compile, report, write. Raises Unreadable, Unwritable."""
    if options.migrate:
        return _migrate(options)
    if options.diff is not None or options.explain is not None:
        return _ask(options)
    with Progress() as progress:
        compiled = [_compile(read(path), options, progress) for path in (options.config, *options.more)]
    if _has_problems([report for report, _ in compiled], options, options.check or options.output != "-"):
        return PROBLEMS
    if not options.check and not output.write(compiled[0][1], options.output) and sys.stderr.isatty():
        print(f"vc5c: {options.output} is as it should be, and was left alone", file=sys.stderr)
    return CLEAN


def _has_problems(reports: list[Report], options: argparse.Namespace, output_is_free: bool) -> bool:
    """Shows them, and says whether they forbid to go on."""
    show(reports, options.format, options.color, output_is_free)
    counted = ("error", "warning") if options.strict else ("error",)
    return any(problem.severity in counted for _, problem in everything(reports))


def _ask(options: argparse.Namespace) -> int:
    """Questions about documents: only they need numpy, so only they wait for it."""
    from vc5c.explain import command as explain  # noqa: PLC0415
    from vc5c.plan import command as plan  # noqa: PLC0415

    def compiled(source: Source) -> Iterable[bytes] | None:
        with Progress() as progress:
            report, pieces = _compile(source, options, progress)
        return None if _has_problems([report], options, output_is_free=False) else pieces

    command = explain.run if options.diff is None else plan.run
    return command(options, compiled)


def _compile(
    source: Source, options: argparse.Namespace, progress: Progress
) -> tuple[Report, Iterable[bytes]]:
    """What was found, and the output in pieces; none if there are errors. Notes are for --check alone."""
    problems = Problems()
    pieces: Iterable[bytes] = ()
    try:
        neighbors = NeighborOptions(options.neighbors, options.resolve)
        config = load(source, problems, neighbors, progress)
        pieces = _emit(config, options, problems, progress)
        found = in_order(problems.found)
    except Rejected as rejected:
        found = rejected.problems
    shown = [problem for problem in found if options.check or problem.severity != "note"]
    return Report(source, shown), pieces


def _migrate(options: argparse.Namespace) -> int:
    """Rewrite, and say what was rewritten."""
    source = read(options.config)
    try:
        text, changes = migrate(source)
    except Rejected as rejected:
        show([Report(source, rejected.problems)], options.format, options.color, True)
        return PROBLEMS
    for place, message in changes:
        print(f"{source.name}:{place.line}:{place.column}: {message}", file=sys.stderr)
    print(f"vc5c: {source.name}: {len(changes) or 'no'} change{'s' * (len(changes) != 1)}", file=sys.stderr)
    output.write([text.encode()], options.output)
    return CLEAN


def _emit(
    config: Config, options: argparse.Namespace, problems: Problems, progress: Progress
) -> Iterable[bytes]:
    if options.emit == "bird":
        return [text.encode() for text in render_bird(config, _bird_options(options), problems)]
    return () if options.check else _document(config, options, progress)


def _document(config: Config, options: argparse.Namespace, progress: Progress) -> Iterable[bytes]:
    with _cache(options, progress) as cache:
        try:
            return produce(config, cache, progress)
        except OSError as error:
            reason = f"no room for its tables: {error.strerror}"
            raise output.Unwritable(f"cannot write the document: {reason}; TMPDIR says where") from error


def _cache(options: argparse.Namespace, progress: Progress) -> AbstractContextManager[Cache | None]:
    """None: not wanted, or not to be had. That is worth a word only where the user chose the folder."""
    given = options.cache_dir or os.environ.get("VC5C_CACHE")
    folder = None if options.no_cache else Path(given) if given else default_folder()
    try:
        return closing(Cache(folder)) if folder is not None else nullcontext()
    except Unusable as why:
        if given:
            progress.say(f"vc5c: the cache {folder} is not used: {why}")
        return nullcontext()


def _bird_options(options: argparse.Namespace) -> BirdOptions:
    return BirdOptions(
        router_id=options.router_id,
        sources=tuple(options.source),
        bfd_interval_ms=options.bfd_interval,
        bfd_multiplier=options.bfd_multiplier,
        passwords=dict(options.password),
    )


def _way_to(error: Exception) -> str:
    """Through which lines, in one line: a user is shown no traceback, but a report needs it."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)


if __name__ == "__main__":
    sys.exit(main())
