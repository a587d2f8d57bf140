"""`vc5d`: the command line, the checks before anything is touched, and the exit code.

Exit codes: 0 all well; 1 the input or the host has a problem; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError

from . import host, log
from .alone import Alone
from .announce.tun import NAME_MAX
from .completion import add_completion
from .daemon import Daemon
from .defaults import PIN_DIR, SOCKET, STATE_DIR
from .document import check
from .errors import Vc5Error
from .health.plans import compile_checks
from .loop import courtesy
from .numbers import number
from .operator.control import is_served
from .options import Options
from .outcome import guarded, say
from .sharing.keys import Secrets
from .sharing.settings import settings_of
from .sinks.config import read as read_logging
from .systemd import fdstore
from .systemd.handover import TUN
from .uninstall import uninstall
from .web.options import ConsoleOptions, add_options
from .web.writing import token_in

_MAIN_TABLES = (0, 253, 254, 255)  # unspec, default, main, local: routes there would carry traffic
_table = number(
    int, lambda value: value not in _MAIN_TABLES and 0 < value < 1 << 32, "a private routing table"
)
_seconds = number(float, lambda value: 0 <= value <= 3600, "0 to 3600 seconds")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code."""
    return guarded("vc5d", lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    tun = fdstore.take(TUN)  # first of all: what stays in the store outlives a failure
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    log.setup(options.log_level, options.log_format)
    if options.uninstall:
        return _uninstall(parser, options)
    if options.document is None:
        parser.error("which document? vc5d config.json INTERFACE…")
    if options.check:
        return _check(options.document)
    return _run(parser, options, tun)


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace, tun: int | None) -> int:
    if not options.interfaces:
        parser.error("which interface? vc5d config.json INTERFACE…")
    if repeated := {name for name in options.interfaces if options.interfaces.count(name) > 1}:
        parser.error(f"given twice: {', '.join(sorted(repeated))}")
    object_path = options.object or host.default_object()
    if problems := host.problems(object_path, options.pin, options.interfaces):
        return _fail(problems)
    from .dataplane import Dataplane  # noqa: PLC0415 - libbpf is known to be there only now

    daemon = Daemon(
        Options(
            document=options.document,
            interfaces=tuple(options.interfaces),
            pin_dir=options.pin,
            socket=options.socket,
            object=object_path,
            mode=options.mode,
            table=options.table,
            tun=options.tun,
            announce=options.announce,
            state_dir=options.state,
            grace=options.grace,
            web=options.web,
            fleet=Secrets(options.fleet_key_file, options.fleet_next_key_file),
            console=ConsoleOptions(
                socket=options.web_socket,
                token=token_in(options.console_token),
                bird=options.bird_socket,
                real_metrics=options.real_metrics,
            ),
        ),
        Dataplane.open,
        options.seed_file,
        tun=tun,
    )
    alone = Alone()
    try:
        if not is_served(options.socket):  # else the daemon says so, and where
            alone.in_network()
            alone.with_pins(options.pin)
        host.allow_open_files()
        courtesy.run(daemon.run())
    except (NetlinkError, OSError) as failure:
        raise Vc5Error(f"the kernel refused: {failure}") from failure
    finally:
        alone.release()
    return 0


def _check(path: Path) -> int:
    """The document whole: structure, digest, tables, index, schema, and that its checks are known."""
    document = check(path)
    compile_checks(document)
    read_logging(document.options.get("logging"))
    settings_of(document.options)
    reals = len({address for service in document.services.values() for address in service.reals})
    sys.stdout.write(
        f"{path}: ok: {document.digest}, {len(document.services)} services, "
        f"{len(document.vips)} VIPs, {reals} reals\n"
    )
    return 0


def _uninstall(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.document is not None:
        parser.error("--uninstall takes no document")
    if is_served(options.socket):
        raise Vc5Error(f"vc5d is running: it answers on {options.socket}", "stop it first")
    if problems := host.problems(Path(__file__), options.pin, ()):
        return _fail(problems)
    alone = Alone()
    try:
        alone.in_network()
        if options.pin.is_dir():
            alone.with_pins(options.pin)
        detached = asyncio.run(uninstall(options.pin))
        if options.socket.is_socket():  # of a vc5d that was killed
            options.socket.unlink()
    except (NetlinkError, OSError) as failure:
        raise Vc5Error(f"the kernel refused: {failure}") from failure
    finally:
        alone.release()
    log.info("uninstalled", pins=options.pin, interfaces=",".join(detached) or "none")
    return 0


def _fail(failures: Iterable[Vc5Error]) -> int:
    return [say("vc5d", failure) for failure in failures][-1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vc5d",
        description="Forward traffic for a document's VIPs, check its reals, announce its VIPs.",
        epilog="SIGHUP or SIGUSR2: read the document again. SIGTERM: withdraw the VIPs and end; the XDP "
        "program keeps forwarding what still arrives until --uninstall.",
    )
    add = parser.add_argument
    add("document", nargs="?", type=Path, metavar="config.json", help="the document that vc5c wrote")
    add("interfaces", nargs="*", metavar="INTERFACE", help="where packets for the VIPs arrive")
    add("--check", action="store_true", help="only check the document")
    add(
        "--uninstall",
        action="store_true",
        help="detach the program, remove pins, rules and routes",
    )
    add(
        "--mode",
        choices=("auto", "native", "generic"),
        default="auto",
        help="XDP mode (auto)",
    )
    add(
        "--pin",
        type=Path,
        default=PIN_DIR,
        metavar="DIR",
        help=f"where the program is pinned ({PIN_DIR})",
    )
    add("--socket", type=Path, default=SOCKET, metavar="PATH", help=f"for vc5ctl ({SOCKET})")
    add("--object", type=Path, metavar="PATH", help="the XDP program (vc5.bpf.o; else $VC5_OBJECT)")
    add("--seed-file", type=Path, metavar="PATH", help="the secret seed (else systemd's credential `seed`)")
    add(
        "--fleet-key-file",
        type=Path,
        metavar="PATH",
        help="the fleet's secret, by which flows are shared (else systemd's credential `fleet`)",
    )
    add(
        "--fleet-next-key-file",
        type=Path,
        metavar="PATH",
        help="another one that is believed, while it is changed (else the credential `fleet_next`)",
    )
    add("--table", type=_table, default=205, metavar="N", help="routing table of the announced VIPs (205)")
    add(
        "--tun",
        type=_device,
        default="vc5",
        metavar="NAME",
        help="device of the announced routes (vc5)",
    )
    add("--no-announce", dest="announce", action="store_false", help="make neither device nor routes")
    add(
        "--state",
        type=Path,
        default=STATE_DIR,
        metavar="DIR",
        help=f"where what `vc5ctl drain` took out is kept ({STATE_DIR})",
    )
    add(
        "--grace",
        type=_seconds,
        default=2.0,
        metavar="SECONDS",
        help="at the end, between announcing the VIPs with GRACEFUL_SHUTDOWN and withdrawing them (2)",
    )
    add_options(parser)
    add("--log-level", choices=log.LEVELS, default="info", help="what is told on standard error (info)")
    add(
        "--log-format",
        choices=log.FORMATS,
        default="auto",
        help="text, JSON (ECS), or the journal's own fields; auto: the journal if standard error is its "
        "stream, else text (auto)",
    )
    add_completion(parser)
    return parser


def _device(text: str) -> str:
    if not 0 < len(text) <= NAME_MAX or "/" in text or any(each.isspace() for each in text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a device (at most {NAME_MAX} characters)")
    return text


if __name__ == "__main__":
    sys.exit(main())
