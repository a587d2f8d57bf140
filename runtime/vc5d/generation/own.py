"""The MACs that frames for this host are sent to, as the program has them: words, each a MAC and perhaps an
interface.

They change while packets are compared with them. So what comes is stored before what goes is taken away, what
stays keeps its place, and the switch that makes the program ask at all is stored last.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..xdp.layout import OwnMacs, Switches
from ..xdp.maps import Maps
from ..xdp.ordering import stores_before

_NONE = (1 << 64) - 1  # a group MAC, of which no frame is asked
_SWITCHES = Switches.OWN | Switches.OWN_BY_INTERFACE | Switches.OWN_MANY
_INDEX = (1 << OwnMacs.MAC_SHIFT) - 1


def set_own(maps: Maps, macs: Iterable[tuple[int, str]]) -> bool:
    """From now on only frames to these are handled: pairs of an interface and a MAC. If all interfaces
    have the same ones the program does not ask by which one frames come. No pairs: any frame is handled.
    False: they are too many, and any frame is."""
    pairs = set(macs)
    by_interface = len({frozenset(mac for at, mac in pairs if at == index) for index, _ in pairs}) > 1
    words = {_word(index, mac) if by_interface else _word(0, mac) for index, mac in pairs}
    if len(words) > OwnMacs.MACS:
        by_interface, words = False, {_word(0, mac) for _, mac in pairs}
    if not words or len(words) > OwnMacs.MACS:
        unset_own(maps)
        return not words
    before = _switches(maps)
    if not before & Switches.OWN or bool(before & Switches.OWN_BY_INTERFACE) != by_interface:
        unset_own(maps)
        maps.wait_grace()  # nobody compares with words that mean something else
    last = _store(maps, words)
    switches = Switches.OWN | (Switches.OWN_BY_INTERFACE if by_interface else Switches(0))
    stores_before()
    _switch(maps, switches | (Switches.OWN_MANY if last >= OwnMacs.NEAR else Switches(0)))
    return True


def unset_own(maps: Maps) -> None:
    """Any frame is handled again, whatever MAC it was sent to."""
    _switch(maps, Switches(0))


def _word(index: int, mac: str) -> int:
    return int.from_bytes(bytes.fromhex(mac.replace(":", "")), "little") << OwnMacs.MAC_SHIFT | index & _INDEX


def _store(maps: Maps, words: set[int]) -> int:
    """Each word that differs, by one store. The last place that is used."""
    column = maps.control["own"][0]
    there = column.tolist()
    missing = sorted(words.difference(there))
    free = [place for place, word in enumerate(there) if word not in words or there.index(word) != place]
    free.sort(key=lambda place: there[place] not in (0, _NONE))  # what is in use goes last
    for place, word in zip(free, missing, strict=False):
        column[place] = word
    stores_before()
    for place in free[len(missing) :]:
        column[place] = _NONE
    return max(place for place, word in enumerate(column.tolist()) if word != _NONE)


def _switches(maps: Maps) -> Switches:
    return Switches(int(maps.control["switches"][0]))


def _switch(maps: Maps, own: Switches) -> None:
    maps.control["switches"][0] = int(_switches(maps) & ~_SWITCHES | own)
