"""The bits of a generation: which VLAN ids are known, and the filters that tell most of what is for no
VIP."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from ..document import Document
from ..hashing import vip_bits
from ..xdp.layout import Filter
from ..xdp.maps import Maps
from .state import State

Words = npt.NDArray[np.uint64]
ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def bitmap(bits: Iterable[int], length: int) -> Words:
    """`length` bits as words: bit n is bit n % 64 of word n / 64."""
    words = np.zeros(length // Filter.WORD_BITS, np.uint64)
    for bit in bits:
        words[bit // Filter.WORD_BITS] |= np.uint64(1 << bit % Filter.WORD_BITS)
    return words


def bits_of(words: Words) -> list[int]:
    """The inverse of `bitmap`."""
    return np.flatnonzero(np.unpackbits(words.astype("<u8").view("u1"), bitorder="little")).tolist()


def vip_filter(document: Document, family: int) -> Words:
    """A bit for each VIP of `family`, 4 or 6."""
    packed = list({key.packed for key in document.services if key.family == family})
    return bitmap(vip_bits(packed).tolist() if packed else (), Filter.FILTER_BITS)


def vlan_bitmap(document: Document, host_vlans: Iterable[int]) -> Words:
    """The document's VLANs, the host's, and 0, which is none. Without VLANs in the document every id is
    known: reals are where packets come from."""
    known = {*document.vlans, *document.vlans6}
    if not known:
        return np.full(Filter.VLAN_IDS // Filter.WORD_BITS, ALL)
    return bitmap({0, *known, *host_vlans}, Filter.VLAN_IDS)


def set_host_vlans(maps: Maps, state: State, document: Document, ids: frozenset[int]) -> None:
    """Into the live generation, word by word; kept for those to come."""
    state.host_vlans = ids
    words = maps.control["generation"]["vlans"][0, state.live - 1]
    for place, word in enumerate(vlan_bitmap(document, ids)):
        words[place] = word


def host_vlans(words: Words) -> frozenset[int]:
    """What may be the host's in a live generation's `vlans`: after a restart only they can tell."""
    return frozenset() if (words == ALL).all() else frozenset(bits_of(words)) - {0}
