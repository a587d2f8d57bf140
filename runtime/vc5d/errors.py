"""The one exception that reaches a user: what went wrong, and what to do about it."""

from __future__ import annotations


def unread(failure: OSError | UnicodeDecodeError) -> tuple[str, str]:
    """Why a file that should have been read was not, and what to do about that; "" if nobody knows."""
    if isinstance(failure, UnicodeDecodeError):
        return "it is not text", ""
    hint = ""
    if isinstance(failure, FileNotFoundError):
        hint = "put it there, or name the file that is meant"
    elif isinstance(failure, PermissionError):
        hint = "let the user that vc5d runs as read it"
    return failure.strerror or str(failure), hint


class Vc5Error(Exception):
    """A failure with a message for a person.

    message: what happened, where and why, in one line. hint: what to do about it; may be empty.
    `cli.main` prints both and exits with 1; nothing else may reach a terminal.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message
