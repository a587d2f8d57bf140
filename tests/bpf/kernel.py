"""The built object in the kernel, its maps as small as tests like them: arrays are memory, hashes are calls.

Beside vc5d.xdp.maps and vc5d.xdp.program, which are the daemon's way to the same maps.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np
from vc5d.xdp import layout, libbpf
from vc5d.xdp.bpf import Array, Object
from vc5d.xdp.libbpf import check, library

SLOT, COUNT = np.dtype("<u2"), np.dtype("<u8")
ARRAYS = {
    "control": layout.CONTROL,
    "displacements": SLOT,
    "services4": layout.SERVICE4,
    "services6": layout.SERVICE6,
    "slots": SLOT,
    "reals": layout.REAL,
    "tunnel_sources": layout.TUNNEL_SOURCE,
    "service_states": layout.SERVICE_STATE,
    "accepting": SLOT,
    "prefixes4": COUNT,
    "blocked4_bits": COUNT,
}
FLOW_KEYS = {4: layout.FLOW_KEY4, 6: layout.FLOW_KEY6}
HASHES = {
    f"flows{version}_{kind}": (key, layout.FLOW)
    for version, key in FLOW_KEYS.items()
    for kind in ("tcp", "syn", "udp")
} | {
    "fragments4": (layout.FRAGMENT_KEY4, layout.FRAGMENT),
    "fragments6": (layout.FRAGMENT_KEY6, layout.FRAGMENT),
    "sessions": (COUNT, layout.SESSION),
    "prefixes6": (COUNT, COUNT),
}
POSITIONS, FLOWS, SLOTS_PER_LINE = 64, 4096, 32
INDEXES = 4  # two families, two halves
SMALL = {
    "displacements": INDEXES,
    "services4": 2 * POSITIONS,
    "services6": 2 * POSITIONS,
    "slots": 512,
    "reals": 256,
    "real_counters": 256,
    "service_states": 32,
    "accepting": 128,
    "sessions": FLOWS,
    "prefixes6": 1024,
    "fragments4": FLOWS,
    "fragments6": FLOWS,
} | {name: FLOWS for name in HASHES if name.startswith("flows")}
ROOM = 4096  # bytes that a packet may have when it comes out


class Kernel:
    """The program with its maps; `sizes` in entries, over SMALL. Test runs count on the CPU that asks."""

    def __init__(self, path: Path, sizes: dict[str, int] | None = None, tracing: bool = False) -> None:
        self.sizes = SMALL | (sizes or {})
        self._object = Object(path, self.sizes, constants={".rodata.tracing": bytes([tracing])})
        self.maps, self.prog_fd = self._object.maps, self._object.program("vc5")
        self.arrays = {name: self.maps[name].mapped(dtype) for name, dtype in ARRAYS.items()}
        self.arrays["control"]["layout"] = layout.Vc5Layout.VERSION
        self.run = Runner(self.prog_fd)
        self.positions = self.sizes["services4"] // 2  # of each half of each index
        self.index_lines = self.sizes["displacements"] // INDEXES
        self.buckets = self.index_lines * SLOTS_PER_LINE

    def reasons(self) -> list[int]:
        """Packets by enum reason."""
        return [int(n) for n in self.maps["reasons"].read_percpu(COUNT).sum(axis=1)]

    def counters(self) -> Array:
        """Packets, bytes and flows by index of real: shape (reals, 3)."""
        values = self.maps["real_counters"].read_percpu(layout.REAL_COUNTERS)
        return np.stack([values[name].sum(axis=1) for name in ("packets", "bytes", "flows")], axis=1)

    def read(self, name: str) -> tuple[Array, Array]:
        """All keys and values of a hash map."""
        return self.maps[name].read_hash(*HASHES[name])

    def clear(self, name: str) -> None:
        self.maps[name].delete_hash(self.read(name)[0])

    def close(self) -> None:
        self._object.close()


class Runner:
    """Test runs with buffers that stay: two microseconds each."""

    def __init__(self, fd: int) -> None:
        self._fd, self._call = fd, library().bpf_prog_test_run_opts
        self._in = ctypes.create_string_buffer(ROOM)
        self._out = ctypes.create_string_buffer(ROOM)
        self._opts = libbpf.TestRunOpts(sz=ctypes.sizeof(libbpf.TestRunOpts), repeat=1)
        self._opts.data_in, self._opts.data_out = ctypes.addressof(self._in), ctypes.addressof(self._out)
        self._reference, self._in_at, self._out_at = (
            ctypes.byref(self._opts),
            ctypes.addressof(self._in),
            ctypes.addressof(self._out),
        )

    def __call__(self, frame: bytes) -> tuple[int, bytes]:
        """Verdict and the frame that came out. At least 14 bytes must go in."""
        opts = self._opts
        ctypes.memmove(self._in_at, frame, len(frame))
        opts.data_size_in, opts.data_size_out = len(frame), ROOM
        check(self._call(self._fd, self._reference), "the test run failed")
        return opts.retval, ctypes.string_at(self._out_at, opts.data_size_out)


def one_cpu() -> int:
    """Stays on one CPU from now on: budgets and counters are per CPU. Its number."""
    cpu = min(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    return cpu
