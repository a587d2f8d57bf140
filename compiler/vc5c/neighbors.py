"""MAC addresses of reals from elsewhere.

What the configuration pins itself wins, then the file that it names, then the command line's,
then what the running kernel knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dictionary
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vc5c.addresses import Address, read_address
from vc5c.cascade import cases, tunnelled
from vc5c.fields import Fields, entries
from vc5c.model import At, Config
from vc5c.parse import parse_node
from vc5c.problems import Place, Problems, Rejected
from vc5c.source import Source, Unreadable, read
from vc5c.tree import Mapping, Node, Scalar, Sequence

MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
NUD_INCOMPLETE, NUD_FAILED, NUD_NOARP = 0x01, 0x20, 0x40  # <linux/neighbour.h>
UNUSABLE = {
    "FAILED",
    "INCOMPLETE",
}  # states of a neighbor entry (ip-neighbour(8)) without a station behind it

Known = dict[Address, At[str | None]]


class NeighborOptions(NamedTuple):
    """From the command line: a file of neighbors; whether to ask this host's kernel."""

    file: str | None = None
    resolve: bool = False


NO_NEIGHBORS = NeighborOptions()


def complete(config: Config, source: Source, options: NeighborOptions, problems: Problems) -> Config:
    """The configuration with the MACs that it does not pin itself. Raises Unreadable, Rejected."""
    if options == NO_NEIGHBORS and config.neighbors_file is None:
        return config
    wanted = {server.address: server.place for case in cases(config) for server in case.servers}
    known: Known = {}
    if options.file is not None:
        known |= _from_file(read(options.file), source, wanted, problems)
    if config.neighbors_file is not None:
        name, place = config.neighbors_file
        included = _included(Path(source.of(place.file).name).parent / name, place, problems)
        if included is not None:
            known |= _from_file(included, source, wanted, problems)
    problems.stop_on_errors()
    known |= config.neighbors
    if options.resolve:
        known = _from_kernel(config, known, wanted, problems) | known
    return replace(config, neighbors=known)


def _included(path: Path, place: Place, problems: Problems) -> Source | None:
    try:
        if path.is_file():
            return read(str(path))
        reason = "it is no file" if path.exists() else "there is no such file"
        problems.error("include-missing", f"cannot read {path}: {reason}", place)
    except (OSError, ValueError, Unreadable) as error:
        problems.error("include-missing", str(error), place)
    return None


def _from_file(file: Source, source: Source, wanted: Dictionary[Address, Place], problems: Problems) -> Known:
    """What a file has for the reals that are wanted: others are none of our business."""
    file = replace(file, file=file.name)
    source.included[file.file] = file
    try:
        tree = parse_node(file, Problems())
    except Rejected as rejected:
        for problem in rejected.problems:
            problems.add(problem)
        return {}
    known: Known = {}
    for word, mac in _pairs(tree, problems):
        address = read_address(word.text)
        if address is None:
            problems.error("bad-address", f"`{word.text}` is not an IP address", word.place)
        elif not MAC.fullmatch(mac.text.lower()):
            problems.error("bad-mac", f"`{mac.text}` is no MAC address", mac.place, hint="52:54:00:12:34:56")
        elif address in known and known[address].value != mac.text.lower():
            first = ("another one here", known[address].place)
            problems.error("neighbor-conflict", f"{address} has two MAC addresses", mac.place, first)
        elif address in wanted:
            known[address] = At(mac.text.lower(), mac.place)
    return known


def _pairs(tree: Node, problems: Problems) -> list[tuple[Scalar, Scalar]]:
    """Address and MAC: of a mapping, or of what `ip -j neigh` prints."""
    if isinstance(tree, Mapping):
        return [(k, mac) for k, mac in entries(tree) if isinstance(mac, Scalar) and mac.value is not None]
    pairs = []
    for item in tree.items if isinstance(tree, Sequence) else (tree,):
        fields = Fields(item)
        address, mac = fields.node("dst"), fields.node("lladdr")
        states = {word.text for word in fields.words("state") or ()}
        if not isinstance(item, Mapping) or not isinstance(address, Scalar):
            message = "neighbors are a mapping of addresses to MACs, or what `ip -j neigh` prints"
            problems.error("bad-neighbors", message, item.place)
        elif isinstance(mac, Scalar) and not states & UNUSABLE:
            pairs.append((address, mac))
    return pairs


def _from_kernel(
    config: Config, known: Known, wanted: Dictionary[Address, Place], problems: Problems
) -> Known:
    """Of the reals that have no MAC yet. Those behind a tunnel need none."""
    near = {s.address for case in cases(config) if not tunnelled(case.settings) for s in case.servers}
    lacking = {address: place for address, place in wanted.items() if address not in known}
    macs = kernel_neighbors() if lacking else {}
    found: Known = {}
    for address, place in lacking.items():
        if address.text in macs:
            found[address] = At(macs[address.text], place)
        elif address in near:
            message = f"{address} is not among this host's neighbors: its MAC is left to be learned"
            hint = "ping it first, or compile on a host of its subnet"
            problems.warning("unresolved", message, place, hint=hint)
    return found


def kernel_neighbors() -> dict[str, str]:
    """Address to MAC of this host's usable neighbor entries. Raises Unreadable."""
    try:
        from pyroute2 import IPRoute  # noqa: PLC0415  imported when asked for: compiling needs no kernel
        from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415
    except ImportError as error:
        raise Unreadable("cannot read the kernel's neighbors: --resolve needs pyroute2") from error
    try:
        with IPRoute() as kernel:
            found = [(n["state"], dict(n["attrs"])) for n in kernel.get_neighbours()]
    except (OSError, NetlinkError) as error:
        raise Unreadable(f"cannot read the kernel's neighbors: {error}") from error
    return {
        attributes["NDA_DST"]: attributes["NDA_LLADDR"].lower()
        for state, attributes in found
        if "NDA_DST" in attributes
        and "NDA_LLADDR" in attributes
        and not state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP)
    }
