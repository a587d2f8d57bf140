"""Carrying a trace out: until it is interrupted, or so many packets have been shown."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import Vc5Error
from .. import naming
from ..ask import stream
from ..terminal import Paint
from .pcapng import Capture
from .text import paragraph
from .words import parse_filter, parse_flow


def trace(options: argparse.Namespace) -> int:
    """The exit code. Ending it by the keyboard is how it is meant to end."""
    wanted = _wanted(options)
    capture = Capture(options.pcap) if options.pcap else None
    shown = _Shown(options, capture)
    try:
        with contextlib.closing(stream(options.socket, "trace", filter=wanted)) as items:
            shown.all_of(items)
    except KeyboardInterrupt:
        pass
    finally:
        if capture:
            capture.close()
        if shown.began:
            shown.summary()
    return 0


class _Shown:
    """Shows what comes. began: whether vc5d traces. counts: the last that it told."""

    began = False

    def __init__(self, options: argparse.Namespace, capture: Capture | None) -> None:
        self._json, self._most, self._quiet = options.json, options.count, capture and not options.json
        self._capture, self._paint = capture, Paint.of_terminal()
        self._packets = 0
        self._counts: Mapping[str, int] = {}

    def all_of(self, items: Iterator[Mapping[str, Any]]) -> None:
        for item in items:
            if "tracing" in item:
                self.began = True
                sys.stderr.write("tracing; Ctrl-C ends it\n")
            if "counts" in item:
                self._lost(item["counts"])
            if "event" in item and self._event(item["event"]):
                return

    def summary(self) -> None:
        missed = self._counts.get("limited", 0) + self._counts.get("lost", 0)
        more = f", {missed} more matched and are not among them" if missed else ""
        sys.stderr.write(f"{self._packets} packets{more}\n")

    def _event(self, event: Mapping[str, Any]) -> bool:
        """Whether that was the last one."""
        self._packets += 1
        if self._capture:
            self._capture.add(event)
        if self._json:
            sys.stdout.write(json.dumps({"event": event}, sort_keys=True) + "\n")
        elif not self._quiet:
            sys.stdout.write(paragraph(event, self._paint))
        sys.stdout.flush()
        return bool(self._most and self._packets >= self._most)

    def _lost(self, counts: Mapping[str, int]) -> None:
        before, self._counts = self._counts, counts
        if self._json:
            sys.stdout.write(json.dumps({"counts": counts}, sort_keys=True) + "\n")
            sys.stdout.flush()
            return
        limited = counts["limited"] - before.get("limited", 0)
        lost = counts["lost"] - before.get("lost", 0)
        if limited:
            sys.stderr.write(f"{limited} more matched than are told: narrow the filter, or raise --limit\n")
        if lost:
            sys.stderr.write(f"{lost} lost: they came faster than they were read\n")


def _with_keys(options: argparse.Namespace) -> list[str]:
    """The filter, its service by the key: one that is not there would be waited for in vain."""
    words = list(options.filter)
    for at, word in enumerate(words[1:], 1):
        if words[at - 1] == "service":
            words[at] = naming.service(options.socket, word, known=True)
    return words


def _wanted(options: argparse.Namespace) -> dict[str, Any]:
    wanted = parse_filter(_with_keys(options))
    if options.flow:
        if wanted.keys() & {"src", "dst", "sport", "dport"}:
            raise Vc5Error("--flow says source and destination already", "leave src, dst and ports out")
        wanted |= parse_flow(*options.flow)
    if options.drops:
        wanted["verdicts"] = ["drop"]
    if options.forwarded:
        wanted["verdicts"] = ["tx", "redirect"]
    if options.limit is not None:
        wanted["limit"] = options.limit
    return wanted
