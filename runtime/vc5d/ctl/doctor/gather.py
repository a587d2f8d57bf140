"""The facts of this host, read once. Changes nothing, and never raises for what is missing."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from ... import alone
from ...announce import bird_client
from ...announce.routes import ANNOUNCE, SHUTDOWN
from ...document import Document, ForbiddenDocumentError, inspect
from ...errors import Vc5Error
from ...health.rules import BASE, MASK, PRIORITY
from ...network import ethtool
from ...xdp import link, pins
from ...xdp.bpf import obj_get, program_id
from ..ask import Forbidden, ask


@dataclass(frozen=True)
class Nic:
    """mode: "native", "generic" or "": no XDP program. offloads: those that are on. queues: for receiving.
    there: whether the interface exists."""

    name: str
    there: bool = True
    up: bool = True
    driver: str = ""
    mode: str = ""
    mtu: int = 0
    queues: int = 1
    offloads: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Host:
    """What the judges judge. status: vc5d's answer, None: none (why_not says what the socket said; forbidden:
    that who asks may not). document: the one that it uses, or was named; None: none, or not to be read
    (why_no_document). links: by interface with a pinned link, whether it has the pinned program. routes: VIP
    to protocol, in vc5d's table. addresses: of this host, (interface, address). neighbors: address to MAC.
    rp_filters: by interface, and of `all`."""

    kernel: str
    cpus: int
    status: Mapping[str, Any] | None
    why_not: str
    other_running: bool
    document: Document | None
    why_no_document: str
    nics: Mapping[str, Nic]
    pin_dir: Path
    pinned: bool
    links: Mapping[str, bool]
    rules: int
    routes: Mapping[str, int]
    marked_tables: frozenset[int]
    tun: bool
    addresses: frozenset[tuple[str, str]]
    neighbors: Mapping[str, str]
    bird: bird_client.Sessions
    protocols: tuple[bird_client.Protocol, ...]
    in_bird: frozenset[str]
    open_files: int
    rp_filters: Mapping[str, int]
    files: Path = Path("/")
    table: int = 205
    forbidden: bool = False
    tun_name: str = "vc5"
    refused_document: bool = False

    def text(self, path: str) -> str:
        """Of a file of the system; "" if it cannot be read."""
        try:
            return (self.files / path.lstrip("/")).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def exists(self, path: str) -> bool:
        return (self.files / path.lstrip("/")).exists()


@dataclass(frozen=True)
class Asked:
    """The command line."""

    socket: Path
    pin: Path
    table: int
    tun: str
    bird: Path
    interfaces: tuple[str, ...]
    document: Path | None


def gather(asked: Asked) -> Host:
    status, why_not, forbidden = _status(asked.socket)
    document, why_no_document, refused_document = _document(asked.document or _named(status))
    links = _links(asked.pin)
    names = asked.interfaces or tuple((status or {}).get("interfaces", {})) or tuple(links)
    network = _Network(asked.table)
    bird = asyncio.run(bird_client.read_sessions(asked.bird))
    return Host(
        kernel=platform.release(),
        cpus=os.cpu_count() or 1,
        status=status,
        why_not=why_not,
        other_running=_other_running(),
        document=document,
        why_no_document=why_no_document,
        nics={name: _nic(name) for name in names},
        pin_dir=asked.pin,
        pinned=_pinned(asked.pin),
        links=links,
        table=asked.table,
        forbidden=forbidden,
        tun_name=asked.tun,
        refused_document=refused_document,
        rules=network.rules,
        routes=network.routes,
        marked_tables=network.marked_tables,
        tun=asked.tun in {name for _, name in socket.if_nameindex()},
        addresses=network.addresses,
        neighbors=network.neighbors,
        bird=bird,
        protocols=asyncio.run(bird_client.read_protocols(asked.bird)) if not bird.why else (),
        in_bird=asyncio.run(bird_client.known_routes(asked.bird, network.routes))
        if not bird.why
        else frozenset(),
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        rp_filters={
            name: _number(f"/proc/sys/net/ipv4/conf/{name}/rp_filter")
            for name in ("all", *(name for _, name in socket.if_nameindex()))
        },
    )


def _status(path: Path) -> tuple[Mapping[str, Any] | None, str, bool]:
    try:
        return ask(path, "status"), "", False
    except Vc5Error as failure:
        return None, failure.message, isinstance(failure, Forbidden)


def _other_running() -> bool:
    """Whether some vc5d works in this network namespace, whatever its socket: by the name that it claims
    (alone.py), which is only looked for here, since a claim could keep one from starting."""
    try:
        names = Path("/proc/net/unix").read_text().splitlines()
    except OSError:
        return False
    return any(line.endswith(f" {alone.SHOWN}") for line in names)


def _named(status: Mapping[str, Any] | None) -> Path | None:
    return Path(status["document"]) if status else None


def _document(path: Path | None) -> tuple[Document | None, str, bool]:
    """Also why there is none, and whether vc5d would refuse it, too: that this user may not read it says
    nothing of that."""
    if path is None:
        return None, "no vc5d says which: --document names the one to compare with", False
    try:
        return inspect(path), "", False
    except Vc5Error as failure:
        return None, failure.message, not isinstance(failure, ForbiddenDocumentError)


def _pinned(pin_dir: Path) -> bool:
    try:
        return pin_dir.is_dir() and any(pin_dir.iterdir())
    except OSError:
        return False


def _links(pin_dir: Path) -> dict[str, bool]:
    """By interface with a pinned link that has not gone: whether the pinned program is on it."""
    found: dict[str, bool] = {}
    try:
        program = obj_get(pin_dir / pins.PROGRAM)
        own = program_id(program)
        os.close(program)
        for name in link.pinned_names(pin_dir):
            opened = link.open_pinned(pin_dir, name)
            if opened:
                if opened.ifindex:
                    found[name] = opened.program_id() == own
                opened.close()
    except (Vc5Error, OSError):
        return found
    return found


def _nic(name: str) -> Nic:
    system = Path("/sys/class/net") / name
    index = {each: number for number, each in socket.if_nameindex()}.get(name)
    if index is None:
        return Nic(name, there=False, up=False)
    return Nic(
        name,
        up=_running(index),
        driver=ethtool.driver(name),
        mode=link.attached_mode(index),
        mtu=_mtu(index),
        queues=max(1, len(list((system / "queues").glob("rx-*")))),
        offloads=_offloads(name),
    )


def _offloads(name: str) -> frozenset[str]:
    try:
        return frozenset(ethtool.receive_offloads(name))
    except OSError:
        return frozenset()


def _number(path: str) -> int:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return 0


def _running(index: int) -> bool:
    with IPRoute() as netlink:
        return bool(netlink.get_links(index)[0]["flags"] & 0x40)  # IFF_RUNNING


def _mtu(index: int) -> int:
    with IPRoute() as netlink:
        return int(netlink.get_links(index)[0].get("mtu") or 0)


class _Network:
    """What netlink says."""

    def __init__(self, table: int) -> None:
        self.rules, self.marked_tables = 0, frozenset[int]()
        self.routes: dict[str, int] = {}
        with IPRoute() as netlink:
            names = dict(socket.if_nameindex())
            self.addresses = frozenset(
                (names.get(each["index"], ""), each.get("local") or each.get("address"))
                for each in netlink.get_addr()
            )
            self.neighbors = {
                each.get("dst"): each.get("lladdr")
                for family in (socket.AF_INET, socket.AF_INET6)
                for each in netlink.get_neighbours(family=family)
                if each.get("lladdr") and each.get("dst")
            }
            for family in (socket.AF_INET, socket.AF_INET6):
                self._family(netlink, family, table)

    def _family(self, netlink: IPRoute, family: int, table: int) -> None:
        try:
            rules = netlink.get_rules(family=family)
            routes = netlink.get_routes(family=family)
        except NetlinkError:
            return  # a kernel without the family
        own = [each for each in rules if PRIORITY <= (each.get("priority") or 0) <= PRIORITY + 3]
        self.rules += len(own)
        tables = {each.get("table") or 0 for each in routes}
        self.marked_tables |= {each for each in tables if each & MASK == BASE and each != BASE}
        self.routes |= {
            each.get("dst"): each["proto"]
            for each in routes
            if each.get("table") == table and each["proto"] in (ANNOUNCE, SHUTDOWN) and each.get("dst")
        }
