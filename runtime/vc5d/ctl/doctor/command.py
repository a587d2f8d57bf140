"""`vc5ctl doctor`: read, judge, say."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from ..terminal import Paint, as_json, printable
from . import fleet, kernel, leftovers, neighbors, network, nics, sinks
from .finding import FAIL, OK, WARN, Finding, Findings
from .gather import Asked, Host, gather

_JUDGES = (
    leftovers.judge,
    kernel.judge,
    nics.judge,
    network.judge,
    neighbors.judge,
    fleet.judge,
    sinks.judge,
)
_STYLES = {OK: "green", WARN: "yellow", FAIL: "red"}


def doctor(options: argparse.Namespace) -> int:
    """0: nothing fails; 1: something does."""
    findings = judge(
        gather(
            Asked(
                options.socket,
                options.pin,
                options.table,
                options.tun,
                options.bird,
                tuple(options.interfaces),
                options.document,
            )
        )
    )
    shown = [each for each in findings if each.level != OK] if options.brief else findings
    if options.json:
        sys.stdout.write(as_json([asdict(each) for each in shown]) + "\n")
    else:
        paint = Paint.of_terminal()
        sys.stdout.write("".join(_text(each, paint) for each in shown) + _summary(findings))
    return 1 if any(each.level == FAIL for each in findings) else 0


def judge(host: Host) -> Findings:
    return [finding for each in _JUDGES for finding in each(host)]


def _text(finding: Finding, paint: Paint) -> str:
    level = paint(_STYLES[finding.level], f"{finding.level:4}")
    text = f"{level}  {printable(finding.area)}: {printable(finding.what)}\n"
    if finding.why:
        text += f"      {finding.why}\n"
    if finding.fix:
        text += f"      {paint('bold', '→')} {printable(finding.fix)}\n"
    return text


def _summary(findings: Findings) -> str:
    counts = {level: sum(each.level == level for each in findings) for level in (FAIL, WARN, OK)}
    return f"{counts[FAIL]} fail, {counts[WARN]} to look at, {counts[OK]} well\n"
