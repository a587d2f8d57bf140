"""The maps, each bound to its type in this one place for the rest of vc5d; and the program beside them.

Arrays are numpy views of the kernel's memory: a store is live at once, and whole if it is one aligned
store of at most 8 bytes (assigning one field of one record). The rest goes through calls (stores.py).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import bpf, link
from .bpf import Array, Map
from .layout import CONTROL, REAL, SERVICE4, SERVICE_STATE, Reason, SlotBits, Vc5Layout
from .stores import FLOW_KINDS, KernelStore, MemoryStore, Store

HALVES = 2  # of the index: the live one and the idle one
SLOTS_PER_LINE = int(SlotBits.SLOTS_PER_LINE)
SLOT = np.dtype("<u2")

# Entries of `flows4_<kind>` for each of Capacity.flows: half-open flows live for one round trip; UDP
# services track every flow by default, TCP only a few.
FLOW_SHARES = {"tcp": 1.0, "syn": 0.25, "udp": 1.0}
LEAST_FLOWS = 1024  # an LRU map hands out entries in batches per CPU: smaller ones evict what was just stored

# The maps that are mapped into memory, and the records that they are read as.
RECORDS = {
    "control": CONTROL,
    "displacements4": SLOT,
    "services4": SERVICE4,
    "slots": SLOT,
    "reals": REAL,
    "service_states": SERVICE_STATE,
    "accepting": SLOT,
}
_LINES = ("displacements4", "slots", "accepting")  # maps whose entries are lines of many records

NAME = "vc5"  # of the program in the object
PIN = "program"  # pinned last and removed first: while it is there, the pins are whole
MAPS = (*RECORDS, "real_counters", "reasons", "grace", *(f"flows4_{kind}" for kind in FLOW_KINDS))


@dataclass(frozen=True)
class Capacity:
    """How much the maps hold, in entries. `positions4` and `displacement_lines4` are of one half."""

    positions4: int
    displacement_lines4: int
    slots_lines: int
    reals: int
    services: int
    accepting_lines: int
    flows: int

    def max_entries(self) -> dict[str, int]:
        """Entries by name of map; the maps not named here have fixed sizes."""
        sizes = {
            "displacements4": HALVES * self.displacement_lines4,
            "services4": HALVES * self.positions4,
            "slots": self.slots_lines,
            "reals": self.reals,
            "real_counters": self.reals,
            "service_states": self.services,
            "accepting": self.accepting_lines,
        }
        for kind, share in FLOW_SHARES.items():
            sizes[f"flows4_{kind}"] = max(LEAST_FLOWS, int(self.flows * share))
        return {name: max(1, entries) for name, entries in sizes.items()}

    @classmethod
    def of(cls, maps: Mapping[str, Map]) -> Capacity:
        """The capacity of maps that exist."""
        return cls(
            positions4=maps["services4"].max_entries // HALVES,
            displacement_lines4=maps["displacements4"].max_entries // HALVES,
            slots_lines=maps["slots"].max_entries,
            reals=maps["reals"].max_entries,
            services=maps["service_states"].max_entries,
            accepting_lines=maps["accepting"].max_entries,
            flows=maps["flows4_tcp"].max_entries,
        )


class Maps:
    """Every map, bound to its type. Indexes of `reals` begin at 1: 0 is none."""

    control: Array  # (1,) CONTROL
    displacements4: Array  # (HALVES * displacement_lines4 * 32,) u16
    services4: Array  # (HALVES * positions4,) SERVICE4
    slots: Array  # (slots_lines * 32,) u16
    reals: Array  # (reals,) REAL
    service_states: Array  # (services,) SERVICE_STATE
    accepting: Array  # (accepting_lines * 32,) u16

    def __init__(self, capacity: Capacity, arrays: Mapping[str, Array], store: Store) -> None:
        self.capacity, self._store = capacity, store
        for name in RECORDS:
            setattr(self, name, arrays[name])

    @classmethod
    def of_kernel(cls, maps: Mapping[str, Map]) -> Maps:
        arrays = {name: maps[name].mapped(dtype) for name, dtype in RECORDS.items()}
        return cls(Capacity.of(maps), arrays, KernelStore(maps))

    @classmethod
    def in_memory(cls, capacity: Capacity) -> Maps:
        """The same without a kernel, for tests: nothing forwards, nothing counts."""
        sizes = {"control": 1} | capacity.max_entries()
        arrays = {
            name: np.zeros(sizes[name] * (SLOTS_PER_LINE if name in _LINES else 1), dtype)
            for name, dtype in RECORDS.items()
        }
        arrays["control"]["layout"] = Vc5Layout.VERSION
        return cls(capacity, arrays, MemoryStore(sizes["reals"]))

    def read_real_counters(self) -> Array:
        """Counters by index of real, summed over CPUs: shape (reals,) REAL_COUNTERS."""
        return self._store.read_real_counters()

    def zero_real_counters(self, indexes: Iterable[int]) -> None:
        """Starts reals anew; a packet on its way at this moment may survive it."""
        self._store.zero_real_counters(indexes)

    def read_reasons(self) -> dict[Reason, int]:
        """Packets that were not forwarded, by reason; every reason is there."""
        counts = self._store.read_reasons()
        return {reason: int(counts[reason]) for reason in Reason if reason is not Reason.REASONS}

    def read_flows4(self, which: str) -> tuple[Array, Array]:
        """The flows of a kind, "tcp", "syn" or "udp": (n,) FLOW_KEY4 and (n,) FLOW."""
        return self._store.read_flows4(which)

    def write_flows4(self, which: str, keys: Array, values: Array) -> None:
        self._store.write_flows4(which, keys, values)

    def delete_flows4(self, which: str, keys: Array) -> None:
        """Deletes those of `keys` (n,) FLOW_KEY4 that are there."""
        self._store.delete_flows4(which, keys)

    def wait_grace(self) -> None:
        """Returns when no packet can still see what was live before the call."""
        self._store.wait_grace()

    def close(self) -> None:
        self._store.close()


class Program:
    """A program and its maps. Unpinned, all of it ends with the process."""

    def __init__(self, prog_fd: int, kernel_maps: Mapping[str, bpf.Map], pin_dir: Path | None) -> None:
        self.prog_fd, self._kernel_maps, self._pin_dir = prog_fd, kernel_maps, pin_dir
        self._object: bpf.Object | None = None
        self._links: dict[str, link.Link] = {}
        self.maps = Maps.of_kernel(kernel_maps)

    @classmethod
    def load(cls, object_path: Path, capacity: Capacity) -> Program:
        """A new program with empty maps. Vc5Error with the verifier's reason if the kernel refuses it."""
        loaded = bpf.Object(object_path, capacity.max_entries())
        program = cls(loaded.program(NAME), loaded.maps, None)
        program._object = loaded
        program.maps.control["layout"] = Vc5Layout.VERSION
        return program

    @classmethod
    def open_pinned(cls, pin_dir: Path) -> Program | None:
        """The program that is pinned there, with all that its maps hold. None if there is none, or if its
        maps are of another layout: then a new one is loaded, and `attach` puts it in the old one's place."""
        if not all((pin_dir / name).exists() for name in (PIN, *MAPS)):
            return None
        maps = {name: bpf.Map.open_pinned(pin_dir / name) for name in MAPS}
        (layout,) = struct.unpack_from("<I", maps["control"].read(bytes(4)))
        if layout != Vc5Layout.VERSION:
            for found in maps.values():
                found.close()
            return None
        return cls(bpf.obj_get(pin_dir / PIN), maps, pin_dir)

    def pin(self, pin_dir: Path) -> None:
        """Keeps program, maps and links alive without this process, in place of what is pinned there."""
        pin_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        (pin_dir / PIN).unlink(missing_ok=True)
        for name in MAPS:
            bpf.pin(self._kernel_maps[name].fd, pin_dir / name)
        bpf.pin(self.prog_fd, pin_dir / PIN)
        for attached in self._links.values():
            link.pin_link(attached, pin_dir)
        self._pin_dir = pin_dir

    def attach(self, ifindex: int, ifname: str, mode: str = "auto") -> str:
        """Attaches, or takes over the link that is pinned for this interface, whose mode then stays. Returns
        the mode in use, "native" or "generic"."""
        found = self._link(ifname) or self._renamed(ifname, ifindex)
        if found and found.ifindex_now() != ifindex:  # the interface went, and another came under its name
            self._drop(found)
            found = None
        if found:
            found.update(self.prog_fd)
        else:
            found = link.create(self.prog_fd, ifindex, ifname, mode)
            if self._pin_dir:
                link.pin_link(found, self._pin_dir)
        self._links[ifname] = found
        return found.mode()

    def detach(self, ifname: str) -> None:
        """Takes the program off an interface; one that has none is no error."""
        found = self._link(ifname)
        if found:
            self._drop(found)

    def attached_to(self, ifname: str) -> int:
        """The index of the interface that was attached under this name, whatever it is called now; 0: it is
        gone, or somebody has detached the program."""
        held = self._links.get(ifname)
        return held.ifindex_now() if held else 0

    def attached(self) -> dict[str, str]:
        """Mode by interface, also of links that an earlier process pinned; "" where the interface is gone."""
        names = set(self._links) | set(link.pinned_names(self._pin_dir) if self._pin_dir else ())
        return {name: self._mode(name) for name in sorted(names)}

    def test_run(self, packet: bytes, ifindex: int = 0, repeat: int = 1) -> tuple[int, bytes, int]:
        """As bpf.test_run: verdict, packet out, nanoseconds a run."""
        return bpf.test_run(self.prog_fd, packet, repeat, ifindex)

    def unpin(self) -> None:
        """Removes every pin, links included: what no process holds is gone with it."""
        if not self._pin_dir or not self._pin_dir.exists():
            return
        (self._pin_dir / PIN).unlink(missing_ok=True)
        for path in self._pin_dir.iterdir():
            path.unlink()
        self._pin_dir.rmdir()
        self._pin_dir = None

    def close(self) -> None:
        """Lets go of everything that this process holds; what is pinned lives on."""
        self.maps.close()
        for held in self._links.values():
            held.close()
        self._links.clear()
        if self._object:
            self._object.close()
            return
        for found in self._kernel_maps.values():
            found.close()
        os.close(self.prog_fd)

    def _link(self, ifname: str) -> link.Link | None:
        """The link of an interface: held, or pinned by an earlier process."""
        return self._links.get(ifname) or (link.open_pinned(self._pin_dir, ifname) if self._pin_dir else None)

    def _renamed(self, ifname: str, ifindex: int) -> link.Link | None:
        """The link of this interface that an earlier process pinned when it had another name."""
        directory = self._pin_dir
        for name in link.pinned_names(directory) if directory else ():
            found = link.open_pinned(directory, name) if directory and name not in self._links else None
            if found and directory and found.ifindex == ifindex:
                moved = link.Link(found.fd, ifname, ifindex)
                link.pin_link(moved, directory)
                link.unpin(directory, name)
                return moved
            if found:
                found.close()
        return None

    def _drop(self, found: link.Link) -> None:
        self._links.pop(found.ifname, None)
        if self._pin_dir:
            link.unpin(self._pin_dir, found.ifname)
        found.detach()
        found.close()

    def _mode(self, ifname: str) -> str:
        held = self._links.get(ifname)
        if held:
            return held.mode()
        found = link.open_pinned(self._pin_dir, ifname) if self._pin_dir else None
        if not found:
            return ""
        mode = found.mode()
        found.close()
        return mode
