"""The harness in the kernel: a packet put back before every run, and the program under test behind it."""

from __future__ import annotations

import platform
import statistics
import struct
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from vc5d.errors import Vc5Error
from vc5d.xdp.bpf import Object, test_run

from tests.bpf.model import TX
from tests.bpf.model.hashes import key_word
from tests.bpf.packets import V4, V6, ethernet, packed, tcp
from tests.bpf.place import find_displacements

RUNS, SLICES, SLICE = 5, 128, 1 << 13  # a figure's runs; as in harness.bpf.c
REPEAT = SLICES * SLICE
ENOUGH = 8  # slices of the target that count, in a run
QUIET = 1.05  # a slice of the harness alone is quiet if it took so many times the quickest, at most
PATIENCE, A_LITTLE = 3000, 0.05  # looks in vain, of all; s. Then the quietest slices have to do
POSITIONS, BUCKETS = 32768, 8192  # of the perfect hash that is looked up alone
SALT = 1
SIZES = {"displacements": BUCKETS // 32, "positions": POSITIONS, "services": 2 * POSITIONS}


@dataclass(frozen=True)
class Load:
    """Packets to time. `flows`: how many (a power of two), met at random, or one after the other from the
    first if `sequential`. `services`: at so many consecutive addresses, `vip` the first."""

    flows: int = 1
    vip: str = V4.vip
    flags: str = "A"
    sequential: bool = False
    tagged: bool = False
    services: int = 1
    verdict: int = TX

    def plan(self, begin: int = 0, by_turns: bool = False) -> bytes:
        """As the harness's struct plan; `begin`: how many packets went before."""
        segment = tcp(1, 80, self.flags, bytes(12), doff=8)
        six = ":" in self.vip
        packet = (V6 if six else V4).ip(segment, dst=self.vip)
        frame = ethernet(packet, tci=10 if self.tagged else None)
        state = begin if self.sequential else 0x9E3779B97F4A7C15 * (2 * begin + 1) & (1 << 64) - 1
        return pack_plan(
            state, self.flows - 1, self.services, (self.sequential, self.tagged, six, by_turns), frame
        )


def pack_plan(state: int, flow_mask: int, services: int, flags: tuple[bool, ...], frame: bytes) -> bytes:
    """Struct plan; `flags`: sequential, tagged, IPv6, by turns."""
    return (struct.pack("<QII????4x", state, flow_mask, services, *flags) + frame).ljust(128, b"\0")


class Harness:
    def __init__(self, folder: Path) -> None:
        built = folder / "harness.bpf.o"
        source = Path(__file__).with_name("harness.bpf.c")
        include = f"/usr/include/{platform.machine()}-linux-gnu"
        flags = ["-O2", "-g", "-Wall", "-Werror", "-target", "bpf", "-isystem", include]
        subprocess.run(["clang", *flags, "-c", source, "-o", built], check=True)
        self._object = Object(built, SIZES)
        self._object.maps["alone"].update(struct.pack("<I", 0), struct.pack("<I", self.program("trivial")))
        self._least = dict[tuple[bool, ...], float]()
        self._patience = PATIENCE
        self.unrest = 1.0  # times the quickest: the harness alone, beside the worst slice that counted

    def program(self, name: str) -> int:
        return self._object.program(name)

    def run(
        self, target: int, load: Load, repeat: int = REPEAT, begin: int = 0, by_turns: bool = False
    ) -> None:
        """Raises if the last packet's verdict is another."""
        zero = struct.pack("<I", 0)
        self._object.maps["plans"].update(zero, load.plan(begin, by_turns))
        self._object.maps["target"].update(zero, struct.pack("<I", target))
        verdict, _out, _nanoseconds = test_run(self.program("restore"), bytes(90), repeat)
        if verdict != load.verdict:
            raise Vc5Error(f"verdict {verdict} where {load.verdict} belongs: {load}")

    def net(self, target: int, load: Load) -> float:
        """Nanoseconds a packet, the median of what the target costs beyond the harness."""
        return statistics.median(self._net(target, load) for _ in range(RUNS))

    def _net(self, target: int, load: Load) -> float:
        """What shares the core comes and goes within milliseconds, and makes packets dearer by a third to a
        half: slices of the target count that have quiet ones of the harness alone on both sides."""
        kind, found = (load.tagged, ":" in load.vip), list[tuple[float, float]]()
        for look in count():
            times = self._slices(target, load, look)
            alone, own = times[0::2], times[1::2]
            self._least[kind] = min(self._least.get(kind, alone[0]), *alone)
            found += [(max(pair), cost) for *pair, cost in zip(alone, alone[1:], own, strict=False)]
            found.sort()
            if found[ENOUGH - 1][0] <= self._least[kind] * QUIET or not self._patience:
                break
            self._patience -= 1
            time.sleep(A_LITTLE)
        counted = found[:ENOUGH]
        self.unrest = max(self.unrest, counted[-1][0] / self._least[kind])
        return statistics.median(cost - alone for alone, cost in counted)

    def _slices(self, target: int, load: Load, look: int) -> list[float]:
        """Nanoseconds a packet of each slice but the last, whose end nobody notes."""
        self.run(target, load, REPEAT, look * REPEAT, by_turns=True)
        times = self._object.maps["times"].mapped(np.dtype("<i8"))
        found: list[float] = (np.diff(times) / SLICE).tolist()
        return found

    def place_services(self, addresses: Sequence[bytes]) -> None:
        """TCP port 80 of these addresses, for `lookup_perfect` and `lookup_hash`."""
        words = [key_word(address, 80, 6) for address in addresses]
        found, places = find_displacements(words, SALT, BUCKETS, POSITIONS)
        maps, zero = self._object.maps, struct.pack("<I", 0)
        maps["sizes"].update(zero, struct.pack("<QII", SALT, BUCKETS, POSITIONS))
        maps["displacements"].mapped(np.dtype("<u2"))[:] = found
        records = maps["positions"].mapped(np.dtype(("<u8", 8)))
        records[:] = 0
        values = np.zeros((len(words), 8), "<u8")
        values[:, 0], values[:, 1] = words, 1
        records[[places[word] for word in words]] = values
        keys = np.dtype("<u8")
        services = maps["services"]
        services.delete_hash(services.read_hash(keys, np.dtype((np.void, 64)))[0])
        services.write_hash(np.array(words, keys), values)
        maps["recent"].write_hash(np.array(words[:1], keys), values[:1])


def addresses(first: str, count: int) -> list[bytes]:
    """Consecutive ones."""
    begin, width = int.from_bytes(packed(first), "big"), len(packed(first))
    return [(begin + n).to_bytes(width, "big") for n in range(count)]
