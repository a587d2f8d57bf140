"""The data path as the daemon uses it: documents, states and links of reals go in, a snapshot comes out.

Knows nothing of sockets, event loops or health checks. One call at a time: whoever has several threads
gives them turns. The maps outlive this process; opening adopts what is pinned.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import log
from .document import Blocked, Document, Neighbor, ServiceKey
from .errors import Vc5Error
from .generation import bits, blocking, fill, grow, health, inherit, limits, own, vips
from .generation.adopt import adopt
from .generation.away import Route, is_away, source_index, turned, way, write_way
from .generation.capacity import choose_capacity
from .generation.plan import Outgrown, Plan, link_word, make_plan
from .generation.report import Report, report
from .generation.snapshot import Capture, Carried, Sampled, Snapshot, capture, columns
from .generation.state import FleetView, State
from .generation.upkeep import Upkeep
from .loop.courtesy import giving_way
from .network.hops import Hop
from .operator.flowlist import Asked, FlowList
from .tracing.events import Names, addresses
from .tracing.standin import StandIn, TraceMaps
from .xdp.checkprogram import CheckProgram
from .xdp.layout import RealState
from .xdp.maps import Maps
from .xdp.program import Program
from .xdp.replacing import Outgrowing, Predecessor, Source, find_predecessor, load_after, prepare, take_over
from .xdp.sampling import MOST_BITS, Prefixes, Sampling, Timing, read_prefixes

__all__ = ["Dataplane", "Report"]

Clock = Callable[[], int]  # CLOCK_MONOTONIC in nanoseconds, as the flow tables have it
SCAN_INTERVAL_NS = 5 * 10**9  # at least; between scans of flow tables
_VLAN = slice(6, 8)  # bytes of a link word
_MOST_LOAD = (1 << 32) - 1


class Dataplane:
    """`adopted`: packets were forwarded before this process came, and go on being so. `epoch`: of the maps:
    another when a document outgrew them, and others are pinned in their place."""

    def __init__(self, maps: Maps, clock: Clock = time.monotonic_ns, scan_ns: int = SCAN_INTERVAL_NS) -> None:
        """Over maps that are there, for tests in memory; `open` is the way in for everyone else."""
        self.adopted = False
        self.epoch = 0
        self._clock, self._scan_ns = clock, scan_ns
        self._document: Document | None = (
            None  # that this process applied; adopted state lacks what only it says
        )
        self._fleet = FleetView()
        self._carried = Carried()
        self._linked: set[str] = set()  # reals whose entries all have the link that `state` has
        self._program: Program | None = None
        self._predecessor: Predecessor | None = None  # whose place the program takes at the first apply
        self._object_path, self._pin_dir = Path(), Path()
        self._tracing: StandIn | None = None
        self._use(maps, adopt(maps, clock()))

    @classmethod
    def open(cls, pin_dir: Path, object_path: Path, document: Document) -> Dataplane:
        """Adopts what is pinned; else loads the object with maps that have room for `document`, and for what
        is pinned if it is of an older layout. A program that was loaded is pinned, and takes the place of
        what is there, by the first `apply`: until then nothing has changed.

        Applies nothing. Raises Vc5Error.
        """
        program = Program.open_pinned(pin_dir)
        if program:
            program.put_back()
        predecessor = find_predecessor(pin_dir) if program is None else None
        if program is None:
            program = load_after(predecessor, object_path, choose_capacity(document))
        plane = cls(program.maps)
        plane._program, plane._predecessor = program, predecessor
        plane._object_path, plane._pin_dir = object_path, pin_dir
        plane.adopted = plane.state.live != 0
        limits.set_limits(plane.maps, None, limits.ECHOES)
        return plane

    # Interfaces

    def attach(self, ifname: str, mode: str = "auto") -> str:
        """Attaches to an interface; the mode in use, "native" or "generic"."""
        try:
            ifindex = socket.if_nametoindex(ifname)
        except OSError:
            raise Vc5Error(
                f"there is no interface {ifname}", "`ip link` shows those that there are"
            ) from None
        attached = self._loaded().attach(ifindex, ifname, mode)
        own.unset_own(self.maps)  # until set_own knows of this one
        return attached

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

    # Documents

    def apply(self, document: Document) -> Report:
        """Makes a document live, or raises Vc5Error and changes nothing (unless the kernel fails after the
        flip: then the new document is live). Returns when no packet sees the document before it. New reals
        are down until set_state, new VIPs until set_vip."""
        begin = time.monotonic()
        self._upkeep.settle()
        unchanged = (self.state.digest, self.state.seed) == (document.digest, document.seed)
        if unchanged and self._document is not None:
            return Report(document.digest, self.state.number, unchanged=True)
        replaced = False
        try:
            plan = make_plan(self.state, document, self.maps.capacity, self.maps.slots, self._document)
            self._carry_out(plan)
        except Outgrown:
            if self._program is None:
                raise
            plan = self._replace(document)
            replaced = True
        return report(plan, replaced, unchanged, time.monotonic() - begin)

    def set_fleet(self, fleet: FleetView) -> None:
        """What the ends of transitions wait for, from now on."""
        self._fleet = self._upkeep.fleet = fleet

    def moving(self) -> bool:
        """Some service has a table from before its transition."""
        return self.state.moving

    def accepting(self) -> set[int]:
        """Reals that accept, by stable id."""
        states = self.maps.reals["state"] & health.STATE
        return set(self.maps.reals["id"][states == RealState.ACCEPTING].tolist())

    def give(self, digest: str) -> bytes:
        """What is held of transitions, for a load balancer that starts with the document `digest`; to be
        packed by inherit.pack."""
        return inherit.gather(self.maps, self.state, digest)

    def inherit(self, given: inherit.Given) -> dict[tuple[ServiceKey, str], Neighbor]:
        """Goes on from where a peer is, which has given this: its transitions are this one's. Only while no
        packet comes here yet. The reals that are there only because the peer has them, and where it has
        them. Raises Vc5Error, and goes on from nowhere."""
        mine = self._document
        if mine is None:
            raise Vc5Error("there is no document yet")
        before = inherit.previous(mine, given)
        if before is not None:
            try:
                self.apply(before)
                inherit.forget_transitions(self.state, self.maps)
            finally:
                self.apply(mine)
        self._upkeep.settle()
        inherit.overlay(self.maps, self.state, mine, given)
        return inherit.inherited(self.state, given)

    def set_own(self, macs: Iterable[tuple[int, str]]) -> bool:
        """The MACs that frames for this host are sent to, each with the index of the interface that they come
        in by: frames to others are left to the host. None: frames are handled whatever MAC they were sent to,
        as they are after each `attach`. False: there are too many, which means the same."""
        return own.set_own(self.maps, macs)

    def set_vlans(self, ids: Iterable[int]) -> None:
        """VLAN ids of this host's own, beside the document's: packets with the tag of another are left to the
        host unread."""
        if self._document is None:
            self.state.host_vlans = frozenset(ids)
        else:
            bits.set_host_vlans(self.maps, self.state, self._document, frozenset(ids))

    # What follows health and traffic

    def set_state(self, key: ServiceKey, address: str, state: RealState) -> bool:
        """Gives a real a state: ACCEPTING, DRAINING or DOWN; one that left the document, but has flows, one
        of the last two. Whether it had another."""
        service = self.state.services.get(key)
        real = service.reals.get(address) if service else None
        if service is None or real is None or (state == RealState.ACCEPTING and not real.configured):
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
        if address in self._linked and self.state.links.get(address) == (link, ifindex):
            return  # a document may have a thousand of them, in a thousand services each
        self._linked.add(address)
        self.state.links[address] = (link, ifindex)
        for service in self.state.services.values():
            if real := service.reals.get(address):
                fill.write_link(self.maps, service.block.base + real.index, link, ifindex)

    def set_route(self, address: str, hop: Hop) -> None:
        """Where a real that services reach by a tunnel is found, for all of these. No MAC: what was known on
        the same VLAN stays."""
        link = self.state.routes.get(address, Route()).link
        if hop.mac is not None:
            link = link_word(hop.mac, hop.vlan)
        elif link.to_bytes(8, "little")[_VLAN] != hop.vlan.to_bytes(2, "big"):
            link = 0
        route = Route(link, hop.out, source_index(self.maps, hop.source), hop.mtu)
        self.state.routes[address] = route
        for key, service in self.state.services.items():
            real = service.reals.get(address)
            index = service.block.base + real.index if real else 0
            if not index or not is_away(self.maps, index):
                continue
            known = self._document.services.get(key) if self._document else None
            tunnel = known.tunnel if known and address in known.reals else None
            now = way(tunnel, address, route) if tunnel else turned(self.maps, index, route)
            write_way(self.maps, index, now)

    def set_vip(self, address: str, up: bool) -> bool:
        """Whether echo requests to a VIP are answered; kept over documents and restarts. Whether it was
        otherwise before."""
        return vips.set_up(self.maps, self.state, address, up)

    def set_loads(self, loads: Mapping[tuple[ServiceKey, str], float]) -> None:
        """For least connections: sessions of a real for its weight, in any unit that is the same within a
        service. Reals that the live document does not have are passed over."""
        column = self.maps.reals["load"]
        for (key, address), load in loads.items():
            service = self.state.services.get(key)
            real = service.reals.get(address) if service else None
            if service and real:
                column[service.block.base + real.index] = min(max(0, round(load)), _MOST_LOAD)

    def set_block(self, blocked: Blocked) -> None:
        """Drops what comes from these source prefixes to VIPs, and from no others; kept over documents and
        restarts. What was blocked and stays so is never let through in between."""
        blocking.set_blocked(self.maps, blocked)

    def set_limits(self, inserts: int | None = None, echoes: int = limits.ECHOES) -> None:
        """What each CPU may do in a second: store so many flows in each table (0: no limit; None: so many
        that flows are remembered long enough, limits.py), answer so many echo requests (0: none)."""
        limits.set_limits(self.maps, inserts, echoes)

    def tell(self, most: int) -> None:
        """Flows that are stored are told of in the ring `told_flows`, for other load balancers (sharing/): at
        most so many a second by each CPU; 0: none."""
        self.maps.control["tells"][0] = most

    def consult(self, indexes: npt.NDArray[np.uint32]) -> None:
        """Flows of slots that these reals own (indexes into `reals`) are elsewhere, another load balancer
        told."""
        health.consult(self.maps, self.state, indexes)

    def set_session_bits(self, bits: int | None) -> None:
        """Samples one flow in 2^bits for `sessions`, 0 … 31; None: by the traffic, as from the beginning."""
        if bits is not None and not 0 <= bits <= MOST_BITS:
            raise Vc5Error(f"one flow in 2^{bits} cannot be sampled", f"0 … {MOST_BITS} bits can be")
        self._sampling.sessions.fixed = bits is not None
        if bits is not None:
            self._sampling.sessions.set_bits(bits, self._clock())

    # What is to be seen

    def sessions(self, keys: Iterable[ServiceKey] | None = None) -> dict[tuple[ServiceKey, str], int]:
        """Current sessions by real, of these services or of all: an estimate, as of the last second or
        two."""
        estimates, services = self._sampling.sessions.estimates, self.state.services
        return {
            (key, address): round(estimates[services[key].block.base + real.index])
            for key in (services if keys is None else keys)
            if key in services
            for address, real in services[key].reals.items()
        }

    def states(self) -> dict[tuple[ServiceKey, str], RealState]:
        """Of the reals that the live document has, and that accept or are down: one that drains may be
        either."""
        column = self.maps.reals["state"]
        return {
            (key, address): state
            for key, service in self.state.services.items()
            for address, real in service.reals.items()
            if real.configured
            and (state := RealState(int(column[service.block.base + real.index]) & health.STATE))
            in (RealState.ACCEPTING, RealState.DOWN)
        }

    def remaining(self, names: Iterable[tuple[ServiceKey, str]]) -> set[tuple[ServiceKey, str]]:
        """Those of these reals that the live document has, or that left it and still have flows."""
        services = self.state.services
        return {(key, real) for key, real in names if key in services and real in services[key].reals}

    def timings(self) -> Timing:
        """Time in the program for a packet, and packets a second, of the last seconds."""
        return self._sampling.clockwork.timing()

    def list_flows(self, asked: Asked) -> FlowList:
        """What the flow tables remember: to be stepped through, by `step_flows`. Raises Vc5Error."""
        return FlowList(self.maps, self.state, asked, self._clock())

    def step_flows(self, listing: FlowList) -> bool:
        """False: that was all. Raises Vc5Error when the maps were replaced in between."""
        if not listing.is_of(self.maps):
            raise Vc5Error("the document has outgrown its maps meanwhile", "ask again")
        return listing.step()

    def prefixes(self) -> Prefixes:
        """Where packets come from."""
        return read_prefixes(self.maps)

    def snapshot(self) -> Snapshot:
        """All that is live now."""
        return self.capture().snapshot()

    def capture(self) -> Capture:
        """The same, not yet made into values: that takes long with many reals, and need not be done here."""
        sampled = Sampled(self._sampling.sessions.estimates, self.timings().ns, self._upkeep.entries)
        return capture(self.maps, self.state, self._carried, sampled)

    # Tracing

    def start_tracing(self) -> TraceMaps:
        """The tracing program in the place of the plain one; what it is told and tells stays valid until
        `stop_tracing`. Raises Vc5Error."""
        self._tracing = self._tracing or StandIn(self._object_path, self._loaded())
        return self._tracing.maps

    def open_checks(self) -> CheckProgram:
        """The program by which health checks enter tunnels; the caller closes it. Raises Vc5Error."""
        return CheckProgram(self._object_path, self._loaded().shared())

    def stop_tracing(self) -> None:
        """The plain program is back. Raises Vc5Error."""
        if self._tracing:
            self._tracing.end()
            self._tracing = None

    def is_traced(self) -> bool:
        """False also when a document outgrew the maps, and tracing could not go on with others."""
        return self._tracing is not None

    def named(self, services: set[int], reals: set[int]) -> Names:
        """What the live generation calls these ids of services and indexes of reals."""
        known = self._document.services if self._document else {}
        keys = {s.id: key for key, s in self.state.services.items() if s.id in services}
        return Names(
            {number: (str(key), known[key].name if key in known else "") for number, key in keys.items()},
            addresses(self.maps, reals),
            dict(socket.if_nameindex()),
        )

    # Now and then

    def counted(self) -> int:
        """Frames that the program has seen since it was loaded, whatever became of them."""
        forwarded = self.maps.read_real_counters(self.state.reals_end)["packets"].sum()
        return int(forwarded) + sum(self.maps.read_reasons().values())

    def replaced(self) -> list[str]:
        """The interfaces where somebody has put another program in this one's place."""
        return self._loaded().replaced()

    def keep_pins(self) -> bool:
        """Pins again what somebody has unpinned; whether there was anything. Raises Vc5Error."""
        return self._loaded().keep_pins()

    def tick(self, now_ns: int, budget_ns: int | None = None) -> float:
        """Ends transitions whose lifetime is over, counts sessions, and now and then scans the flow tables:
        idle entries go, what no flow needs is cleared, reals that left and have no flows are freed. Call it
        each second, and as soon as it says: it returns after how many seconds it wants to be called again.

        `budget_ns`: it returns after about so long, so that other calls need not wait; None: it does all that
        is due. `now_ns`: CLOCK_MONOTONIC.
        """
        return self._upkeep.advance(self.state, now_ns, budget_ns)

    def close(self) -> None:
        """Lets go; what is pinned goes on forwarding."""
        self._upkeep.close()
        try:
            self.stop_tracing()
        except Vc5Error as failure:
            log.error("trace.ended", error=failure.message, then="the next vc5d puts the plain program back")
        if self._predecessor:
            self._predecessor.close()
        if self._program:
            self._program.close()

    # How

    def _use(self, maps: Maps, state: State) -> None:
        self.maps, self.state = maps, state
        self._sampling = Sampling(maps)
        self._upkeep = Upkeep(maps, self._sampling, self._clock, self._scan_ns)
        self._upkeep.fleet = self._fleet

    def _carry_out(self, plan: Plan) -> None:
        before, maps = self.state, self.maps
        for step in giving_way(fill.steps(maps, before, plan, self._clock)):
            if step == fill.FLIP:
                self.state, self._document = plan.after, plan.document
        if plan.moves:
            counters = columns(maps.read_real_counters())
            for move in plan.moves:
                self._carried.add(before.services[move.key], counters)
        if self._program and not self._program.pinned:
            prepare(self._program, self._pin_dir, self._predecessor)
            self._begin(self._program, plan, before, self._predecessor)
            self._predecessor = None
        self._carried.keep(self.state)

    def _replace(self, document: Document) -> Plan:
        """A new program with maps that `document` fits takes the old one's place. Until the first link is
        updated a failure changes nothing; from there on forwarding goes on whatever happens."""
        old, before = self._loaded(), self.state
        source = self._predecessor or Outgrowing(old)
        new = Program.load(self._object_path, choose_capacity(document, self.maps.capacity, before))
        try:
            grow.copy_arrays(old.maps, new.maps)
            plan = make_plan(before, document, new.maps.capacity, new.maps.slots)
            deque(giving_way(fill.steps(new.maps, before, plan, self._clock)), maxlen=0)
            prepare(new, self._pin_dir, source)
        except Vc5Error:
            new.close()
            raise
        self._upkeep.close()
        fixed = self._sampling.sessions.fixed
        self._program, self._predecessor, self._document = new, None, document
        self._use(new.maps, plan.after)
        self.epoch += 1
        self._sampling.sessions.fixed = fixed
        self._begin(new, plan, before, source)
        self._carried.keep(self.state)
        self._go_on_tracing(new)
        old.close()
        return plan

    def _go_on_tracing(self, program: Program) -> None:
        """With another program. What fails ends the tracing, not the apply."""
        try:
            if self._tracing:
                self._tracing.follow(program)
        except Vc5Error as failure:
            log.error("trace.failed", error=failure.message)
            self._tracing = None

    def _begin(self, program: Program, plan: Plan, before: State, source: Source | None) -> None:
        """A program that is pinned comes into its place, and what it replaces is let go."""
        names = take_over(program, source)
        self.adopted = self.adopted or bool(names)
        if source:
            fill.start_clocks(plan, before, self._clock)
            rows = columns(source.counters())
            for service in before.services.values():
                self._carried.add(service, rows)
            self._carried.add_reasons(source.reasons())
            source.close()

    def _loaded(self) -> Program:
        if self._program is None:
            raise Vc5Error("these maps are in memory: there is no program to attach")
        return self._program
