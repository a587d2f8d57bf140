"""The data path as the daemon uses it: documents, states and links of reals go in, a snapshot comes out.

Knows nothing of sockets, event loops or health checks. One call at a time: whoever has several threads
gives them turns. The maps outlive this process; opening adopts what is pinned.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .document import Document, ServiceKey
from .errors import Vc5Error
from .generation import fill, grow, health, transition
from .generation.adopt import adopt
from .generation.capacity import choose_capacity
from .generation.plan import Outgrown, Plan, link_word, make_plan
from .generation.snapshot import Carried, Snapshot, columns, take_snapshot
from .generation.state import State
from .layout import RealState
from .maps import Maps
from .program import Program

Clock = Callable[[], int]  # CLOCK_MONOTONIC in nanoseconds, as the flow tables have it
SCAN_INTERVAL_NS = 5 * 10**9  # at least; between scans of flow tables
SCAN_REST = 20  # a scan is followed by this many times its own length without one: full tables take long
_VLAN = slice(6, 8)  # bytes of a link word


@dataclass(frozen=True)
class Report:
    """What an apply did. `unchanged`: the document was live already. `replaced`: it outgrew the maps, so a
    new program with bigger ones took over. Durations in seconds."""

    digest: str
    generation: int
    unchanged: bool = False
    replaced: bool = False
    services_added: int = 0
    services_removed: int = 0
    reals_added: int = 0
    reals_removed: int = 0
    tables_kept: int = 0
    tables_written: int = 0
    seconds: float = 0.0


class Dataplane:
    """`adopted`: the maps were pinned by an earlier process, and a document is live in them."""

    def __init__(self, maps: Maps, clock: Clock = time.monotonic_ns, scan_ns: int = SCAN_INTERVAL_NS) -> None:
        """Over maps that are there, for tests in memory; `open` is the way in for everyone else."""
        self.adopted = False
        self.maps, self._clock, self._scan_ns = maps, clock, scan_ns
        self.state: State = adopt(maps, clock())
        self._applied = False  # by this process: adopted state lacks what only a document says
        self._next_scan_ns = 0
        self._carried = Carried()
        self._program: Program | None = None
        self._object_path, self._pin_dir = Path(), Path()

    @classmethod
    def open(cls, pin_dir: Path, object_path: Path, document: Document) -> Dataplane:
        """Adopts what is pinned, or loads the object with maps that have room for `document`, and pins it.

        Applies nothing. Raises Vc5Error.
        """
        program = Program.open_pinned(pin_dir)
        adopted = program is not None
        if program is None:
            program = Program.load(object_path, choose_capacity(document))
            program.pin(pin_dir)
        plane = cls(program.maps)
        plane._program, plane._object_path, plane._pin_dir = program, object_path, pin_dir
        plane.adopted = adopted and plane.state.live != 0
        return plane

    def attach(self, ifname: str, mode: str = "auto") -> str:
        """Attaches to an interface; the mode in use, "native" or "generic"."""
        try:
            ifindex = socket.if_nametoindex(ifname)
        except OSError:
            raise Vc5Error(
                f"there is no interface {ifname}", "`ip link` shows those that there are"
            ) from None
        return self._loaded().attach(ifindex, ifname, mode)

    def attached_to(self, ifname: str) -> int:
        """The index of the interface that `attach` was given under this name; 0: the program is not on it any
        more."""
        return self._loaded().attached_to(ifname)

    def detach_all(self) -> None:
        """Off every interface; the maps stay."""
        for ifname in self._loaded().attached():
            self._loaded().detach(ifname)

    def uninstall(self) -> None:
        """Off every interface, and every pin removed."""
        self.detach_all()
        self._loaded().unpin()

    def apply(self, document: Document) -> Report:
        """Makes a document live, or raises Vc5Error and changes nothing (unless the kernel fails after the
        flip: then the new document is live). Returns when no packet sees the document before it. New reals
        are down until set_state."""
        begin = time.monotonic()
        unchanged = self.state.digest == document.digest
        if unchanged and self._applied:
            return Report(document.digest, self.state.number, unchanged=True)
        replaced = False
        try:
            plan = make_plan(self.state, document, self.maps.capacity, self.maps.slots)
            self._carry_out(plan)
        except Outgrown:
            if self._program is None:
                raise
            plan = self._replace(document)
            replaced = True
        self._applied = True
        return _report(plan, replaced, unchanged, time.monotonic() - begin)

    def set_state(self, key: ServiceKey, address: str, state: RealState) -> bool:
        """Gives a real of the document a state: ACCEPTING, DRAINING or DOWN. Whether it had another."""
        service = self.state.services.get(key)
        real = service.reals.get(address) if service else None
        if service is None or real is None or not real.configured:
            raise Vc5Error(f"the live document has no real {address} of the service {key}")
        return health.set_state(self.maps, self.state, service, service.block.base + real.index, state)

    def set_link(self, address: str, mac: str | None, vlan: int, ifindex: int = 0) -> None:
        """Where a real is reached, for all its services. `vlan` 0: untagged; `ifindex` 0: back out of the
        interface that the packet came in by. `mac` None: not known now; what was known on the same VLAN
        stays, since a real that does not answer ARP for a moment should not lose its flows."""
        link, _ = self.state.links.get(address, (0, 0))
        if mac is not None:
            link = link_word(mac, vlan)
        elif link.to_bytes(8, "little")[_VLAN] != vlan.to_bytes(2, "big"):
            link = 0
        self.state.links[address] = (link, ifindex)
        for service in self.state.services.values():
            if real := service.reals.get(address):
                fill.write_link(self.maps, service.block.base + real.index, link, ifindex)

    def tick(self, now_ns: int) -> None:
        """Ends transitions whose lifetime is over, and now and then scans the flow tables: idle entries
        go, what no flow needs is cleared, reals that left and have no flows are freed. Call it each second.
        `now_ns`: CLOCK_MONOTONIC."""
        transition.end_transitions(self.maps, self.state, now_ns)
        if now_ns < self._next_scan_ns:
            return
        begin = self._clock()
        scan = transition.Scan(self.maps, self.state, now_ns)
        scan.read()
        scan.finish(self.state)
        self._next_scan_ns = now_ns + max(self._scan_ns, SCAN_REST * (self._clock() - begin))

    def snapshot(self) -> Snapshot:
        """All that is live now."""
        return take_snapshot(self.maps, self.state, self._carried)

    def close(self) -> None:
        """Lets go; what is pinned goes on forwarding."""
        if self._program:
            self._program.close()

    def _carry_out(self, plan: Plan) -> None:
        before, maps = self.state, self.maps
        for step in fill.steps(maps, before, plan, self._clock):
            if step == fill.FLIP:
                self.state = plan.after
        if plan.moves:
            counters = columns(maps.read_real_counters())
            for move in plan.moves:
                self._carried.add(before.services[move.key], counters)
        self._carried.keep(self.state)

    def _replace(self, document: Document) -> Plan:
        """A new program with maps that `document` fits takes the old one's place. Until the first link is
        updated a failure changes nothing; from there on forwarding goes on whatever happens."""
        old, before = self._loaded(), self.state
        new = Program.load(self._object_path, choose_capacity(document, self.maps.capacity, before))
        try:
            grow.copy_arrays(old.maps, new.maps)
            plan = make_plan(before, document, new.maps.capacity, new.maps.slots)
            deque(fill.steps(new.maps, before, plan, self._clock), maxlen=0)
            grow.copy_flows(old.maps, new.maps)
            new.pin(self._pin_dir)
        except Vc5Error:
            new.close()
            raise
        new.take_over(old)
        new.maps.wait_grace()
        grow.copy_flows(old.maps, new.maps)
        fill.start_clocks(plan, before, self._clock)
        counters = columns(old.maps.read_real_counters())
        for service in before.services.values():
            self._carried.add(service, counters)
        self._carried.add_reasons(old.maps.read_reasons())
        self._program, self.maps, self.state = new, new.maps, plan.after
        self._carried.keep(self.state)
        old.close()
        return plan

    def _loaded(self) -> Program:
        if self._program is None:
            raise Vc5Error("these maps are in memory: there is no program to attach")
        return self._program


def _report(plan: Plan, replaced: bool, unchanged: bool, seconds: float) -> Report:
    return Report(
        digest=plan.document.digest,
        generation=plan.after.number,
        unchanged=unchanged,
        replaced=replaced,
        services_added=plan.new_services,
        services_removed=len(plan.retired_ids),
        reals_added=len(plan.new_reals),
        reals_removed=sum(len(indexes) for indexes in plan.leaving.values()),
        tables_kept=plan.tables_kept,
        tables_written=len(plan.tables),
        seconds=seconds,
    )
