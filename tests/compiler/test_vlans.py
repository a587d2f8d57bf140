"""The VLAN of an address, and overlaps, against looking at every VLAN and every pair."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from vc5c.addresses import Address, read_prefix
from vc5c.model import Vlan
from vc5c.problems import Place
from vc5c.vlans import VlanFinder, overlapping

# Few bits, so that prefixes nest and addresses hit.
prefixes = st.one_of(
    st.tuples(st.integers(0, 255), st.integers(24, 32)).map(lambda p: f"10.0.0.{p[0]}/{p[1]}"),
    st.tuples(st.integers(0, 255), st.integers(120, 128)).map(lambda p: f"2001:db8::{p[0]:x}/{p[1]}"),
    st.sampled_from(["0.0.0.0/0", "::/0", "10.0.0.0/8", "2001:db8::/32"]),
)
addresses = st.one_of(
    st.integers(0, 255).map(lambda n: Address(bytes([10, 0, 0, n]))),
    st.integers(0, 255).map(lambda n: Address(bytes.fromhex("20010db8") + bytes(11) + bytes([n]))),
)


@st.composite
def vlans(draw) -> list[Vlan]:
    written = draw(st.lists(prefixes, max_size=8))
    ids = draw(st.permutations(range(1, len(written) + 1)))
    found = []
    for number, text in zip(ids, written, strict=True):
        prefix = read_prefix(text)
        assert prefix is not None
        found.append(Vlan(number, text, prefix, Place(number, 1)))
    return found


@given(vlans(), addresses)
@settings(max_examples=500)
def test_finds_what_looking_at_all_finds(some: list[Vlan], address: Address) -> None:
    around = [vlan for vlan in some if address in vlan.prefix]
    assert VlanFinder(some).of(address) is min(around, key=lambda vlan: vlan.id, default=None)


@given(vlans())
@settings(max_examples=500)
def test_overlaps_are_all_pairs_that_overlap(some: list[Vlan]) -> None:
    expected = {frozenset((a.id, b.id)) for a, b in combinations(some, 2) if a.prefix.overlaps(b.prefix)}
    found = [frozenset((a.id, b.id)) for a, b in overlapping(some)]
    assert set(found) == expected
    assert len(found) == len(expected)
