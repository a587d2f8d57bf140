"""Which VLAN an address is in, and which VLANs overlap: both in one pass, however many VLANs there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vc5c.addresses import Address
from vc5c.model import Vlan


class VlanFinder:
    """Looks an address up once per distinct length of prefix, of which there are few."""

    def __init__(self, vlans: Iterable[Vlan]) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Vlan]] = {}
        for vlan in sorted(vlans, key=lambda v: v.id):
            bits = (vlan.prefix.last - vlan.prefix.first).bit_length()  # of the host part
            networks = self._by_length.setdefault((vlan.prefix.version, bits), {})
            networks.setdefault(vlan.prefix.first >> bits, vlan)

    def of(self, address: Address) -> Vlan | None:
        """The VLAN whose prefix has the address: of several, which is an error, that with the lowest id."""
        found = None
        for (version, bits), networks in self._by_length.items():
            if version == address.version:
                vlan = networks.get(address.number >> bits)
                if vlan is not None and (found is None or vlan.id < found.id):
                    found = vlan
        return found


def overlapping(vlans: Iterable[Vlan]) -> Iterator[tuple[Vlan, Vlan]]:
    """Each pair of which one lies in the other, as prefixes do that overlap; in no particular order."""
    around: list[Vlan] = []  # the prefixes that the last one was in, and itself: outermost first
    for vlan in sorted(vlans, key=lambda v: (v.prefix.version, v.prefix.first, -v.prefix.last)):
        while around and not around[-1].prefix.overlaps(vlan.prefix):
            around.pop()
        yield from ((outer, vlan) for outer in around)
        around.append(vlan)
