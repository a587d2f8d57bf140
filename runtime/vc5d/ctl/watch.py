"""A page once, or again and again on a screen that is cleared in between."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from ..errors import Vc5Error
from .ask import ask
from .pages.view import Page, View
from .terminal import Paint, as_json, room

_CLEAR = "\x1b[H\x1b[2J"
_AGAIN = 1.0  # s between two tries to reach a vc5d that does not answer
_BACK_TO_BACK = 0.2  # s: no faster, whatever is asked for


def show(page: Page, options: argparse.Namespace) -> int:
    """The exit code. Watching ends by the keyboard."""
    view = _asked(page, options, None)
    if options.watch is None:
        _write(page, view)
        return 0
    try:
        while True:
            _write(page, view)
            time.sleep(max(_BACK_TO_BACK, options.watch))
            view = _asked_until_answered(page, options, view)
    except KeyboardInterrupt:
        return 0


def _asked_until_answered(page: Page, options: argparse.Namespace, last: View) -> View:
    """Who watches a screen watches on over a restart of vc5d, and reads meanwhile why it stands still. A
    program that reads is better told at once. Raises Vc5Error."""
    while True:
        try:
            return _asked(page, options, last)
        except Vc5Error as failure:
            if options.json or not sys.stdout.isatty():
                raise
            sys.stdout.write(f"\n{last.paint('red', failure.message)}; Ctrl-C ends it")
            sys.stdout.flush()
            time.sleep(max(_AGAIN, options.watch))


class _Stamped(dict[str, Any]):
    """An answer, and when it came."""

    when: float


def _asked(page: Page, options: argparse.Namespace, last: View | None) -> View:
    now = _Stamped(ask(options.socket, page.command, **page.values(options)))
    now.when = time.monotonic()
    paint = Paint.of_terminal()
    if last is None:
        return View(options, now, paint=paint, room=room())
    seconds = now.when - last.now.when if isinstance(last.now, _Stamped) else 0.0
    return View(options, now, last.now, seconds, paint, room())


def _write(page: Page, view: View) -> None:
    if view.options.json:
        text = as_json(page.json(view), indented=not view.watching)
    else:
        text = "\n".join(page.lines(view))
    if view.watching and not view.options.json:
        head = f"every {view.options.watch:g} s, {time.strftime('%H:%M:%S')}; Ctrl-C ends it"
        text = (_CLEAR if sys.stdout.isatty() else "") + view.paint("dim", head) + "\n\n" + text
        text += "" if sys.stdout.isatty() else "\n"
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
