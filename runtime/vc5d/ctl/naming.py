"""What an operator calls a thing, to what vc5d calls it: a service by its name or address where only one is
meant, an address however it is written."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from ..errors import Vc5Error
from .ask import ask
from .pages.services import chosen

_PROTOCOLS = ("tcp", "udp")


def service(path: Path, text: str, known: bool = False) -> str:
    """The key of the one service that is meant. known: it must be in the document, also if it is given by its
    key, which else vc5d judges. Raises Vc5Error."""
    is_key = text.count(":") >= 2 and text.rsplit(":", 1)[1] in _PROTOCOLS
    if is_key and not known:
        return text
    found = list(chosen(ask(path, "status"), text))
    if len(found) > 1:
        raise Vc5Error(f"{text} is {len(found)} services", f"one of: {', '.join(found[:10])}")
    return found[0]


def address(text: str) -> str:
    """As vc5d writes it; what is none stays as it is, and is told so by whoever knows more."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text
