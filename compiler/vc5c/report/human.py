"""For people: the message, the line that it is about, a caret below the very word; colour on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vc5c.problems import Place, Problem
from vc5c.report import Report
from vc5c.report.excerpt import excerpt
from vc5c.source import Source

RED, YELLOW, CYAN, BOLD, PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[1m", "\x1b[0m"
COLOURS = {"error": RED, "warning": YELLOW, "note": CYAN}


def text(reports: Sequence[Report], colour: bool = False) -> str:
    """Everything that was found, a summary after each configuration that has something; '' for nothing."""
    lines: list[str] = []
    for source, problems in reports:
        lines += [render(problem, source, colour) for problem in problems]
        if problems:
            lines.append(f"vc5c: {printable(source.name)}: {summary(problems)}")
    return "".join(f"{line}\n" for line in lines)


def render(problem: Problem, source: Source, colour: bool = False) -> str:
    """The whole message, with excerpt, notes and hint; no newline at the end."""
    head = _headline(problem.severity, problem.message, source, problem.place, colour)
    lines = [f"{head} [{problem.rule}]", *_excerpt(source, problem.place)]
    for message, place in problem.notes:
        lines += [_headline("note", message, source, place, colour), *_excerpt(source, place)]
    if problem.hint:
        lines.append(f"   = help: {printable(problem.hint)}")
    return "\n".join(lines)


def _excerpt(source: Source, place: Place) -> list[str]:
    return excerpt(source.of(place.file), place.line, place.column, place.length)


def _headline(severity: str, message: str, source: Source, place: Place, colour: bool) -> str:
    where = f"{printable(source.of(place.file).name)}:{place.line}:{place.column}:"
    message = printable(message)
    if not colour:
        return f"{where} {severity}: {message}"
    return f"{BOLD}{where}{PLAIN} {COLOURS[severity]}{severity}:{PLAIN} {BOLD}{message}{PLAIN}"


def printable(text: str) -> str:
    """Text from a file, safe on a terminal: control characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def summary(problems: Iterable[Problem]) -> str:
    """'2 errors, 1 warning'; '' for nothing."""
    severities = [problem.severity for problem in problems]
    counts = [(severities.count(kind), kind) for kind in ("error", "warning", "note")]
    return ", ".join(f"{n} {kind}{'s' * (n != 1)}" for n, kind in counts if n)
