"""The command line's part about the console."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from .. import log
from ..defaults import BIRD, WEB
from .listen import Listen
from .writing import Token


@dataclass(frozen=True)
class ConsoleOptions:
    """socket: a UNIX socket to listen on beside --web. token: what one must have to change anything by TCP;
    None: nobody may. bird: BIRD's control socket. real_metrics: whether metrics have series for each real."""

    socket: Path | None = None
    token: Token | None = None
    bird: Path = BIRD
    real_metrics: bool = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """To vc5d's parser."""
    add = parser.add_argument
    add(
        "--web",
        type=_listen,
        default=WEB,
        metavar="ADDRESS:PORT",
        help=f"console and metrics by HTTP, unless the document has `webserver` ({WEB}; none: not at all)",
    )
    add(
        "--web-socket",
        type=Path,
        metavar="PATH",
        help="the same on a UNIX socket, mode 0660, where the console may drain, undrain and reload",
    )
    add(
        "--console-token",
        type=Path,
        metavar="FILE",
        help="by TCP, too, for who has the token in this file (else: systemd's credential console_token)",
    )
    add(
        "--bird-socket",
        type=Path,
        default=BIRD,
        metavar="PATH",
        help=f"where the console asks BIRD for its sessions ({BIRD})",
    )
    add(
        "--no-real-metrics",
        dest="real_metrics",
        action="store_false",
        help="metrics without series for each real, of which there may be very many",
    )


def webroot(document: object) -> Path | None:
    """The document's `webroot`: a directory of the operator's own files in place of the console."""
    if not isinstance(document, str) or not document:
        return None
    path = Path(document)
    if not path.is_absolute() or not path.is_dir():
        log.error("web.webroot", webroot=document, error="no directory of this host", instead="the console")
        return None
    return path


def _listen(text: str) -> Listen | None:
    try:
        return None if text == "none" else Listen.parse(text)
    except ValueError as failure:
        raise argparse.ArgumentTypeError(str(failure)) from None
