"""The source prefixes that are dropped: tries, a bit for each IPv4 /20 that one of them touches, and a
switch.

A packet asks the switch, then the bit, then the trie. So what comes is written in the opposite order, and
what goes is removed in theirs, after it: no source that stays blocked is let through in between.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

import numpy as np
import numpy.typing as npt

from ..document import Blocked
from ..errors import Vc5Error
from ..xdp.layout import PREFIX4, PREFIX6, Switches
from ..xdp.maps import Maps
from ..xdp.ordering import stores_before
from ..xdp.sizes import BLOCKED
from ..xdp.stores import COUNT

PREFIX_BITS = 20  # of an IPv4 address: what a bit stands for
_SWITCHES = {"blocked4": int(Switches.BLOCK4), "blocked6": int(Switches.BLOCK6)}


def check_room(blocked: Blocked) -> None:
    """Raises Vc5Error if they are too many."""
    for family, prefixes in ((4, blocked.v4), (6, blocked.v6)):
        if len(prefixes) > BLOCKED:
            raise Vc5Error(
                f"{len(prefixes)} IPv{family} source prefixes are to be blocked; {BLOCKED} are the most",
                "join them to shorter ones, or raise `defcon`",
            )


def set_blocked(maps: Maps, blocked: Blocked) -> None:
    """Blocks exactly these from now on. Raises Vc5Error before anything is changed if they are too many."""
    check_room(blocked)
    wanted = {"blocked4": records4(blocked.v4), "blocked6": records6(blocked.v6)}
    for name, records in wanted.items():
        maps.tables[name].write(records, np.ones(len(records), COUNT))
    stores_before()
    _store(maps.blocked4_bits, touched(blocked.v4))
    stores_before()
    _switch(maps, {name: len(records) > 0 for name, records in wanted.items()})
    for name, records in wanted.items():
        there, _ = maps.tables[name].read()
        maps.tables[name].delete(_without(there, records))


def records4(prefixes: tuple[IPv4Network, ...]) -> npt.NDArray[np.void]:
    """As the trie has them."""
    records = np.zeros(len(prefixes), PREFIX4)
    records["length"] = [prefix.prefixlen for prefix in prefixes]
    records["addr_be"] = [int(prefix.network_address) for prefix in prefixes]
    return records


def records6(prefixes: tuple[IPv6Network, ...]) -> npt.NDArray[np.void]:
    """As the trie has them."""
    records = np.zeros(len(prefixes), PREFIX6)
    records["length"] = [prefix.prefixlen for prefix in prefixes]
    packed = b"".join(prefix.network_address.packed for prefix in prefixes)
    records["addr"] = np.frombuffer(packed, "u1").reshape(-1, 16)
    return records


def touched(prefixes: tuple[IPv4Network, ...]) -> npt.NDArray[np.uint64]:
    """A bit for each /20 that a prefix has addresses in."""
    bits = np.zeros(1 << PREFIX_BITS, np.uint8)
    for prefix in prefixes:
        first = int(prefix.network_address) >> 32 - PREFIX_BITS
        bits[first : (int(prefix.broadcast_address) >> 32 - PREFIX_BITS) + 1] = 1
    return np.packbits(bits, bitorder="little").view("<u8")


def _switch(maps: Maps, on: dict[str, bool]) -> None:
    switches = int(maps.control["switches"][0])
    for name, bit in _SWITCHES.items():
        switches = switches | bit if on[name] else switches & ~bit
    maps.control["switches"][0] = switches


def _store(words: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64]) -> None:
    """Each word that differs, by one store."""
    for place in np.flatnonzero(words != wanted).tolist():
        words[place] = wanted[place]


def _without(there: npt.NDArray[np.void], wanted: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    keep = {record.tobytes() for record in wanted}
    return there[np.array([record.tobytes() not in keep for record in there], np.bool_)]
