"""`--completion SHELL`: a script that completes the command's options in bash, zsh, fish and more (shtab)."""

from __future__ import annotations

import argparse
import sys
from typing import Any

SHELLS = ("bash", "zsh", "fish", "tcsh")
FILES, FOLDERS = ("FILE", "PATH", "config.yaml", "config.json"), ("DIR",)


class Completion(argparse.Action):
    """Prints the script and ends the program, as --help does."""

    def __call__(self, parser: argparse.ArgumentParser, _space: Any, shell: Any, _option: Any = None) -> None:
        import shtab  # noqa: PLC0415  a twentieth of a second, for this option alone

        for action in parser._actions:
            if action.metavar in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar in FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        sys.stdout.write(shtab.complete(parser, shell) + "\n")
        parser.exit()


def add_completion(parser: argparse.ArgumentParser) -> None:
    """The option."""
    words = "print a completion script for this shell"
    parser.add_argument("--completion", action=Completion, choices=SHELLS, help=words)
