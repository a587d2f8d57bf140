"""`vc5ctl`: asks the running vc5d over its control socket, and shows the answer.

Exit codes: 0 all well; 1 vc5d is not there, or refused; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .completion import add_completion
from .defaults import SOCKET
from .errors import Vc5Error
from .outcome import guarded
from .tables import page

_PATIENCE = 60.0  # s: a reload waits for a big document


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code."""
    return guarded("vc5ctl", lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    result = ask(options.socket, options.command, **_values(options))
    if options.command in ("drain", "undrain"):
        sys.stdout.write(f"{result['target']}: {options.command}ed\n")
    elif options.command == "reload":
        changed = "now live" if result["changed"] else "unchanged"
        sys.stdout.write(f"{result['digest']} {changed}\n")
    elif options.json:
        sys.stdout.write(json.dumps(result, indent=2, sort_keys=True) + "\n")
    else:
        sys.stdout.write(page(result))
    return 0


def ask(path: Path, command: str, **values: Any) -> Any:
    """The result of one command; `values` go with it. Raises Vc5Error with vc5d's own reason, or why it
    cannot be asked."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(str(path))
            connection.sendall(json.dumps({"command": command, **values}).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
    except TimeoutError:
        raise Vc5Error(f"vc5d does not answer on {path}", "its log may say why") from None
    except PermissionError:
        raise Vc5Error(f"no permission for {path}", "run as root, or join the socket's group") from None
    except OSError as failure:
        raise Vc5Error(
            f"no vc5d answers on {path}: {failure.strerror or failure}",
            "is it running? --socket PATH names another",
        ) from None
    if not line.endswith(b"\n"):
        raise Vc5Error("vc5d ended before it answered", "its log may say why")
    try:
        answer = json.loads(line)
        if answer["ok"]:
            return answer["result"]
        message, hint = str(answer["error"]), str(answer.get("hint", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Vc5Error(f"what answers on {path} is no vc5d", "--socket PATH names another") from None
    raise Vc5Error(message, hint)


def _values(options: argparse.Namespace) -> dict[str, Any]:
    """What goes with the command."""
    if options.command not in ("drain", "undrain"):
        return {}
    target = {"kind": options.kind, "service": getattr(options, "service", None)}
    if options.kind != "host":
        target[options.kind] = options.name
    given = {name: value for name, value in target.items() if value}
    return {"target": given} | ({"force": options.force} if options.command == "drain" else {})


_STATUS = """\
STATE   accepting: takes new flows; draining: keeps those that it has; down.
        * some packets for it are looked up in the flow tables, as after a change or an outage
VLAN    the tag of frames to it; -: none
SHARE   of the service's table, whatever the state
FLOWS   TCP: connection attempts, with SYNs sent again; UDP: flows
slots   of the table. clear: it alone says where packets go; transition: for the flow lifetime after a
        change; consult: as long as flows remain from before it
not forwarded   pass_…: left to this host, being for no VIP or at its real already;
        drop_…: for a VIP, and unfit"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vc5ctl", description="Ask the running vc5d.")
    parser.add_argument(
        "--socket", type=Path, default=SOCKET, metavar="PATH", help=f"vc5d's control socket ({SOCKET})"
    )
    add_completion(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    status = commands.add_parser(
        "status",
        help="services, reals, VIPs, traffic",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_STATUS,
    )
    status.add_argument("--json", action="store_true", help="all of it, for programs")
    commands.add_parser("reload", help="read the document again; waits, and tells why it failed")
    drain = commands.add_parser("drain", help="take something out of service, gently, until undrain")
    undrain = commands.add_parser("undrain", help="put it back into service")
    for command in (drain, undrain):
        _targets(command)
    return parser


def _targets(command: argparse.ArgumentParser) -> None:
    kinds = command.add_subparsers(dest="kind", required=True, metavar="WHAT")
    host = kinds.add_parser("host", help="this load balancer: its VIPs are announced with GRACEFUL_SHUTDOWN")
    vip = kinds.add_parser("vip", help="one VIP, likewise")
    service = kinds.add_parser("service", help="the VIP of one service, likewise")
    real = kinds.add_parser("real", help="takes no new flows, and keeps those that it has")
    vip.add_argument("name", metavar="ADDRESS")
    service.add_argument("name", metavar="ADDRESS:PORT:PROTOCOL")
    real.add_argument("name", metavar="ADDRESS")
    real.add_argument("--service", metavar="ADDRESS:PORT:PROTOCOL", help="only of this one (all)")
    if command.prog.endswith(" drain"):
        for kind in (host, vip, service, real):
            kind.add_argument("--force", action="store_true", help="even if that withdraws a VIP")


if __name__ == "__main__":
    sys.exit(main())
