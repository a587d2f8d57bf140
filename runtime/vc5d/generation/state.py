"""What user space knows of the maps: enough to plan the next document, rebuilt by adopt.py after a restart.

The maps hold the truth about states of reals and of slots; nothing here repeats them. Values that a plan
shares with the state before it are `Lines` objects; they are told apart by identity, since several services
may share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from ..document import ServiceKey
from ..xdp.layout import ServiceFlags, SlotBits
from ..xdp.slots import SLOTS_PER_LINE
from .away import Route

MIN_BLOCK = 8  # reals: the smallest block. Two lists of its accepting reals fill exactly two lines
MAX_BLOCK = 1 << SlotBits.SLOT_REAL_BITS


def lines_of(slots: int) -> int:
    """Lines that `slots` 16-bit numbers take."""
    return -(-slots // SLOTS_PER_LINE)


def real_id(key: ServiceKey, address: str) -> int:
    """The id of a real in flow entries: the same on every load balancer and in every generation, never 0."""
    digest = blake2b(f"{key} {address}".encode()).digest()
    return int.from_bytes(digest[:4], "little") or 1


def service_id(key: ServiceKey) -> int:
    """The same for a service: a real's id with an empty address."""
    return real_id(key, "")


@dataclass(eq=False)
class Lines:
    """One table as it lies in `slots`. `digest` and `mapping` (index in the block of each of the table's
    reals) say what it was written from; None after a restart. `clear`: no slot has a state. `ends_ns`: when
    its transition's clock runs out, CLOCK_MONOTONIC; None: there is none. `lasts_ns`: so long it lasts at
    least. `settling`: it has run out, and peers are waited for."""

    line: int
    size: int
    digest: str | None = None
    mapping: tuple[int, ...] | None = None
    clear: bool = True
    ends_ns: int | None = None
    lasts_ns: int = 0
    settling: bool = False

    @property
    def start(self) -> int:
        """Of its first slot in the flat array."""
        return self.line * SLOTS_PER_LINE

    @property
    def slots(self) -> slice:
        """Its slots in the flat array."""
        return slice(self.start, self.start + self.size)


@dataclass(frozen=True)
class FleetView:
    """What the end of a transition waits for (docs/sharing.md, rule 5). agreed: every live peer has this
    document; settled: none has a previous table. Alone: both."""

    agreed: bool = True
    settled: bool = True


ALONE = FleetView()


@dataclass(frozen=True)
class First:
    """The table that a service had when its transition began, and how flows were hashed into it: with which
    seed, and whether without ports (`sticky`)."""

    lines: Lines
    seed: int = field(repr=False)  # it may be secret
    sticky: bool = False


@dataclass(frozen=True)
class Real:
    """A real of one service: its index in the service's block and its stable id.

    `configured` is false for one that left the document and drains.
    """

    index: int
    id: int
    configured: bool


@dataclass(frozen=True)
class Block:
    """Entries base … base+capacity-1 of `reals`. The capacity is a power of two and divides the base."""

    base: int
    capacity: int

    @property
    def entries(self) -> slice:
        """Its entries in the array."""
        return slice(self.base, self.base + self.capacity)

    @property
    def list_lines(self) -> int:
        """Lines of one list of accepting reals."""
        return lines_of(self.capacity)

    def list_line(self, which: int) -> int:
        """First line in `accepting` of the block's list `which`, 0 or 1: a function of the block, so that
        whoever finds a block knows where its lists are."""
        return self.base // MIN_BLOCK * 2 + which * self.list_lines


@dataclass(frozen=True)
class ServiceInMaps:
    """A service of the live generation."""

    id: int
    flags: int
    block: Block
    reals: Mapping[str, Real]
    lines: Lines
    first: First | None

    @property
    def sticky(self) -> bool:
        """Whether its flows are hashed without ports."""
        return bool(self.flags & ServiceFlags.STICKY)


@dataclass
class State:
    """The live generation. `live` as in struct control (0: none). `digest` is a document's, "sha256:…".

    `links`: what is known of each real's MAC and VLAN, as the word in struct real, and the interface.
    `routes`: the same of reals behind tunnels, as far as it was found out. `fresh`: entries of `reals` whose
    consult bit was set since the last scan of the flow tables began. `up`: VIPs that answer echo requests.
    `host_vlans`: VLAN ids that the host has beside the document's.
    """

    live: int = 0
    number: int = 0
    digest: str = ""
    seed: int = field(default=0, repr=False)
    lifetime_ns: int = 0
    services: dict[ServiceKey, ServiceInMaps] = field(default_factory=dict)
    links: dict[str, tuple[int, int]] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    up: set[str] = field(default_factory=set)
    host_vlans: frozenset[int] = frozenset()

    def tables(self) -> Iterator[Lines]:
        """Every table in use, each once: live ones and those from before a transition."""
        seen: set[int] = set()
        for service in self.services.values():
            for lines in (service.lines, service.first.lines if service.first else None):
                if lines is not None and id(lines) not in seen:
                    seen.add(id(lines))
                    yield lines

    @property
    def moving(self) -> bool:
        """Some service has a table from before its transition."""
        return any(service.first for service in self.services.values())

    def used_lines(self) -> Iterable[tuple[int, int]]:
        """What of `slots` is taken."""
        return [(lines.line, lines_of(lines.size)) for lines in self.tables()]

    @property
    def reals_end(self) -> int:
        """No entry of `reals` from here on is taken."""
        return max(start + count for start, count in self.used_reals())

    def used_reals(self) -> Iterable[tuple[int, int]]:
        """What of `reals` is taken. The first block's place never is free: index 0 is no real."""
        return [(0, MIN_BLOCK), *((s.block.base, s.block.capacity) for s in self.services.values())]
