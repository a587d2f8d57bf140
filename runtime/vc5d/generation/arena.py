"""First-fit allocation over the entries of an array. Holds nothing that the array's users do not say again:
an arena is built from what is in use, asked for room, and thrown away."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable


class ArenaFull(Exception):
    """No hole is big enough. `free`: entries free in all holes together."""

    def __init__(self, wanted: int, free: int) -> None:
        super().__init__(f"{wanted} entries wanted, {free} free")
        self.wanted, self.free = wanted, free


class Arena:
    """The free entries among 0 … total-1. `used`: (start, length) of what is taken; ranges may repeat."""

    def __init__(self, total: int, used: Iterable[tuple[int, int]] = ()) -> None:
        self._holes: list[tuple[int, int]] = []  # (start, end), ascending, not empty
        position = 0
        for start, length in sorted(used):
            if start > position:
                self._holes.append((position, start))
            position = max(position, start + length)
        if position < total:
            self._holes.append((position, total))

    @property
    def free(self) -> int:
        """Entries in all holes."""
        return sum(end - start for start, end in self._holes)

    def take(self, length: int, align: int = 1) -> int:
        """The start of `length` entries, a multiple of `align`, now taken. Raises ArenaFull."""
        for number, (start, end) in enumerate(self._holes):
            first = -(-start // align) * align
            if first + length <= end:
                del self._holes[number]
                for hole in ((start, first), (first + length, end)):
                    if hole[0] < hole[1]:
                        insort(self._holes, hole)
                return first
        raise ArenaFull(length, self.free)
