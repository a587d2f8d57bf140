"""What packets wrote into the maps, as the model keeps it: flows, fragments, sessions, prefixes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from vc5d.xdp.bpf import Array

from .kernel import HASHES, Kernel
from .model import Balancer, Entry
from .model.balancer import Kept
from .model.fragments import FragmentKey
from .model.hashes import FlowKey
from .place import base

WRITTEN = tuple(HASHES)
CUTS = {4: (4, 8, 10, 12), 6: (16, 32, 34, 36)}  # of a flow key: where its parts end
FRAGMENT_CUTS = {4: (4, 8, 10), 6: (16, 32, 36)}


def _parts(raw: bytes, cuts: tuple[int, ...]) -> tuple[bytes, ...]:
    return tuple(raw[begin:end] for begin, end in zip((0, *cuts), cuts, strict=False))


def flows_in(kernel: Kernel, kind: str) -> dict[FlowKey, Entry]:
    """IPv4 and IPv6 flows of one kind."""
    result: dict[FlowKey, Entry] = {}
    for version, cuts in CUTS.items():
        for key, value in zip(*kernel.read(f"flows{version}_{kind}"), strict=True):
            found = (int(value[name]) for name in ("real", "real_id", "hash", "last_ns"))
            result[_parts(key.tobytes(), cuts)] = Entry(*found)  # type: ignore[index]
    return result


def fragments_in(kernel: Kernel) -> dict[FragmentKey, tuple[int, int, int]]:
    """Index in `reals`, id and time by key."""
    result: dict[FragmentKey, tuple[int, int, int]] = {}
    for version, cuts in FRAGMENT_CUTS.items():
        for key, value in zip(*kernel.read(f"fragments{version}"), strict=True):
            protocol = int(key["protocol"]) if version == 4 else 0
            found = tuple(int(value[name]) for name in ("real", "real_id", "first_ns"))
            result[*_parts(key.tobytes(), cuts), protocol] = found  # type: ignore[index, assignment]
    return result


def sessions_in(kernel: Kernel) -> dict[int, tuple[int, int, int]]:
    keys, values = kernel.read("sessions")
    return {
        int(key): _ended(int(value["real"]), int(value["real_id"]), int(value["last_ns"]))
        for key, value in zip(keys, values, strict=True)
    }


def prefixes_in(kernel: Kernel) -> tuple[dict[int, int], dict[int, int]]:
    four = kernel.arrays["prefixes4"]
    keys, values = kernel.read("prefixes6")
    return {int(at): int(four[at]) for at in four.nonzero()[0]}, {
        int(key): int(value) for key, value in zip(keys, values, strict=True)
    }


def by_index(balancer: Balancer, kept: Kept) -> tuple[int, int, int]:
    """As the maps have it."""
    return _ended(base(balancer, kept.place[0]) + kept.place[1], kept.real_id, kept.time)


def _ended(index: int, real_id: int, time: int) -> tuple[int, int, int]:
    """A session that ended has the id 0, whatever its index."""
    return index if real_id else 0, real_id, time


def clear(kernel: Kernel) -> None:
    """As before the first packet."""
    for name in WRITTEN:
        kernel.clear(name)
    kernel.arrays["prefixes4"][:] = 0
    for index in np.flatnonzero(kernel.counters()[:, 0]):
        kernel.maps["real_counters"].write_percpu(int(index), bytes(24))
    fill_budgets(kernel)


def fill_budgets(kernel: Kernel) -> None:
    """Nothing is spent, on any CPU."""
    budgets = kernel.maps["budgets"]
    budgets.write_percpu(0, bytes(budgets.value_size))


def age(kernel: Kernel, seconds: float) -> None:
    """Lets time pass for what is remembered: the program's clock cannot be set, and it began at boot."""
    if seconds * 1e9 > time.clock_gettime_ns(time.CLOCK_MONOTONIC):
        pytest.skip(f"this machine has been up for less than {seconds:g} s: nothing can be as old as that")
    for name, field in _TIMES.items():
        keys, values = kernel.read(name)
        values[field] -= np.uint64(seconds * 1e9)
        _write(kernel, name, keys, values)


def _write(kernel: Kernel, name: str, keys: Array, values: Any) -> None:
    if len(keys):
        kernel.maps[name].write_hash(keys, values)


_TIMES = {name: "last_ns" for name in WRITTEN if name.startswith(("flows", "sessions"))} | {
    "fragments4": "first_ns",
    "fragments6": "first_ns",
}
