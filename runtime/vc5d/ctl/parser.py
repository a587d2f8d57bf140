"""The command line of vc5ctl."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from ..completion import add_completion
from ..defaults import BIRD, PIN_DIR, SOCKET
from ..numbers import number
from .pages.reals import STATES

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
_TRACE = """\
The filter is words and values: src PREFIX, dst PREFIX, sport PORT, dport PORT, proto NAME, tcp, udp, icmp,
service SERVICE (its key, address or name). None of them: every packet, also those for this host itself.

  vc5ctl trace src 203.0.113.7 dst 192.0.2.1 dport 443 proto tcp
  vc5ctl trace --flow 203.0.113.7:51234 192.0.2.1:80
  vc5ctl trace service 192.0.2.1:80:tcp --drops --pcap drops.pcapng

While somebody traces, the program is replaced by one that tells what it decides, which makes every packet
dearer; it goes when the last tracer ends."""
_DROPS = """\
drop_…  discarded; pass_…: left to this host; answer_…: answered here; note_…: no verdict, only told of."""
_FLOWS = """\
Only flows that the tables cannot answer for are remembered, and those of services that track every flow: that
a flow is missing here is the usual case. `vc5c --explain` and `vc5ctl trace --flow` say where one goes."""
_PEERS = """\
IS         learning: it has started and not got yet what others hold; moving: it has tables from before a
           transition
REALS UP   by its own checks, in all services
held       a new real takes no new flows while a peer's document lacks it
kept       this host's checks say that the real is down, a peer's that it is up: established flows stay"""
_DOCTOR = """\
Works with and without a running vc5d, and changes nothing. Exit code 0: nothing fails; 1: something does."""
_MOST_FLOWS = 10_000
_seconds = number(float, lambda value: 0 < value <= 86400, "more than 0 seconds, and at most a day")
_rate = number(float, lambda value: 0 <= value < float("inf"), "a number of packets a second, 0 or more")
_most = number(int, lambda value: 0 <= value <= _MOST_FLOWS, f"a number from 0 to {_MOST_FLOWS}")
_count = number(int, lambda value: value >= 1, "a number, 1 or more")
_table = number(int, lambda value: 0 < value < 1 << 32, "the number of a routing table")
_SERVICE = "ADDRESS:PORT:PROTOCOL, or the address or name of one"
_FOR_PROGRAMS = "for programs (docs/vc5ctl.md)"
_EXIT = "Exit codes: 0 all well; 1 vc5d is not there, or refused; 2 wrong usage."


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="vc5ctl", description="Ask the running vc5d, and act on it.", epilog=_EXIT
    )
    made.add_argument(
        "--socket", type=Path, default=SOCKET, metavar="PATH", help=f"vc5d's control socket ({SOCKET})"
    )
    add_completion(made)
    commands = made.add_subparsers(dest="command", required=True)
    _pages(commands)
    _trace(commands)
    _doctor(commands)
    _actions(commands)
    return made


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: Commands, name: str, words: str, epilog: str = "") -> argparse.ArgumentParser:
    """It knows --socket as well: few remember that it stands before the command."""
    made = commands.add_parser(
        name,
        help=words,
        description=words[0].upper() + words[1:] + ".",
        epilog=epilog or None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _also_socket(made)
    return made


def _also_socket(made: argparse.ArgumentParser) -> None:
    made.add_argument("--socket", type=Path, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def _pages(commands: Commands) -> None:
    address = "ADDRESS"
    _page(commands, "status", "everything: services, reals, traffic", _STATUS)
    services = _page(commands, "services", "services, how many reals they have, and their traffic")
    services.add_argument("name", nargs="?", metavar="SERVICE", help=f"{_SERVICE} (all)")
    reals = _page(commands, "reals", "real servers, with what their checks say")
    reals.add_argument("name", nargs="?", metavar=address, help="only this one (all)")
    reals.add_argument("--service", metavar="SERVICE", help=f"only of it: {_SERVICE} (all)")
    reals.add_argument("--state", choices=STATES, help="only these (all)")
    _page(commands, "vips", "VIPs: up, announced, and why not")
    drops = _page(commands, "drops", "what was not forwarded, by reason, what that means, what to do", _DROPS)
    drops.add_argument("--all", action="store_true", help="also reasons without packets")
    flows = _page(commands, "flows", "the flows that are remembered, and how many each real has", _FLOWS)
    flows.add_argument("--service", metavar="SERVICE", help=f"only of it: {_SERVICE} (all)")
    flows.add_argument("--real", metavar=address, help="only of this one (all)")
    flows.add_argument("--client", metavar="PREFIX", help="only from there (anywhere)")
    flows.add_argument("--most", type=_most, default=100, metavar="N", help="list at most N of them (100)")
    _page(commands, "drains", "what is drained by hand")
    _page(commands, "peers", "the other load balancers, and what is waited for because of them", _PEERS)


def _page(commands: Commands, name: str, words: str, epilog: str = "") -> argparse.ArgumentParser:
    page = _command(commands, name, words, epilog)
    page.add_argument("--json", action="store_true", help=_FOR_PROGRAMS)
    page.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=2.0,
        metavar="SECONDS",
        help="again and again (every 2 s), with rates in place of counts",
    )
    return page


def _doctor(commands: Commands) -> None:
    made = _command(commands, "doctor", "what of this host is wrong for vc5d, and how to mend it", _DOCTOR)
    add = made.add_argument
    add("interfaces", nargs="*", metavar="INTERFACE", help="to look at (those that vc5d uses, or used)")
    add("--document", type=Path, metavar="config.json", help="to compare with (the one that vc5d uses)")
    add("--pin", type=Path, default=PIN_DIR, metavar="DIR", help=f"where the program is pinned ({PIN_DIR})")
    add("--table", type=_table, default=205, metavar="N", help="routing table of the announced VIPs (205)")
    add("--tun", default="vc5", metavar="NAME", help="device of the announced routes (vc5)")
    add("--bird", type=Path, default=BIRD, metavar="PATH", help=f"BIRD's control socket ({BIRD})")
    add("--json", action="store_true", help=_FOR_PROGRAMS)
    add("--brief", action="store_true", help="only what is not well")


def _trace(commands: Commands) -> None:
    made = _command(commands, "trace", "what the program decides about packets, as they come", _TRACE)
    add = made.add_argument
    add("filter", nargs="*", metavar="WORD", help="which packets (every one)")
    add(
        "--flow",
        nargs=2,
        metavar=("CLIENT:PORT", "VIP:PORT"),
        help="one flow; short for src, sport, dst and dport",
    )
    only = made.add_mutually_exclusive_group()
    only.add_argument("--drops", action="store_true", help="only packets that are dropped")
    only.add_argument("--forwarded", action="store_true", help="only packets that are sent to a real")
    add("--count", type=_count, metavar="N", help="end after N packets (when interrupted)")
    add("--limit", type=_count, metavar="N", help="at most N packets a second from each CPU (100)")
    add("--pcap", type=Path, metavar="FILE", help="write the packets there, before and after (pcapng)")
    add("--json", action="store_true", help="one JSON object a line")


def _actions(commands: Commands) -> None:
    quiet = _command(commands, "quiet", "wait until traffic has left this load balancer, as after a drain")
    add = quiet.add_argument
    add("--below", type=_rate, default=1, metavar="N", help="packets a second that are quiet enough (1)")
    add("--for", dest="seconds", type=_seconds, default=5, metavar="SECONDS", help="so long on end (5)")
    add("--timeout", type=_seconds, default=300, metavar="SECONDS", help="then give up (300)")
    reload = _command(commands, "reload", "read the document again; waits, and tells why it failed")
    reload.add_argument("--json", action="store_true", help=_FOR_PROGRAMS)
    drain = _command(commands, "drain", "take something out of service, gently, until undrain")
    undrain = _command(commands, "undrain", "put it back into service")
    for command in (drain, undrain):
        _targets(command)


def _targets(command: argparse.ArgumentParser) -> None:
    kinds = command.add_subparsers(dest="kind", required=True, metavar="WHAT")
    host = kinds.add_parser("host", help="this load balancer: its VIPs are announced with GRACEFUL_SHUTDOWN")
    vip = kinds.add_parser("vip", help="one VIP, likewise")
    service = kinds.add_parser("service", help="the VIP of one service, likewise")
    real = kinds.add_parser("real", help="takes no new flows, and keeps those that it has")
    for kind in (host, vip, service, real):
        _also_socket(kind)
    vip.add_argument("name", metavar="ADDRESS")
    service.add_argument("name", metavar="SERVICE", help=_SERVICE)
    real.add_argument("name", metavar="ADDRESS")
    real.add_argument("--service", metavar="SERVICE", help=f"only of it: {_SERVICE} (all)")
    for kind in (host, vip, service, real):
        kind.add_argument("--json", action="store_true", help=_FOR_PROGRAMS)
    if command.prog.endswith(" drain"):
        for kind in (host, vip, service, real):
            kind.add_argument("--force", action="store_true", help="even if that withdraws a VIP")
