"""The harness in the kernel: a packet put back before every run, and the program under test behind it."""

from __future__ import annotations

import platform
import statistics
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from vc5d.bpf import Object, test_run
from vc5d.errors import Vc5Error

from tests.bpf.model import TX
from tests.bpf.model.hashes import key_word
from tests.bpf.packets import V4, V6, ethernet, packed, tcp
from tests.bpf.place import find_displacements

RUNS, REPEAT = 5, 1_000_000
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

    def plan(self) -> bytes:
        """As the harness's struct plan."""
        segment = tcp(1, 80, self.flags, bytes(12), doff=8)
        six = ":" in self.vip
        packet = (V6 if six else V4).ip(segment, dst=self.vip)
        frame = ethernet(packet, tci=10 if self.tagged else None)
        state = 0 if self.sequential else 0x9E3779B97F4A7C15
        numbers = (state, self.flows - 1, self.services, self.sequential, self.tagged, six)
        return (struct.pack("<QIIBBB5x", *numbers) + frame).ljust(128, b"\0")


class Harness:
    def __init__(self, folder: Path) -> None:
        built = folder / "harness.bpf.o"
        source = Path(__file__).with_name("harness.bpf.c")
        include = f"/usr/include/{platform.machine()}-linux-gnu"
        flags = ["-O2", "-g", "-Wall", "-Werror", "-target", "bpf", "-isystem", include]
        subprocess.run(["clang", *flags, "-c", source, "-o", built], check=True)
        self._object = Object(built, SIZES)

    def program(self, name: str) -> int:
        return self._object.program(name)

    def run(self, target: int, load: Load, repeat: int = REPEAT) -> int:
        """Nanoseconds a packet, the harness included; raises if the last packet's verdict is another."""
        zero = struct.pack("<I", 0)
        self._object.maps["plans"].update(zero, load.plan())
        self._object.maps["target"].update(zero, struct.pack("<I", target))
        verdict, _out, nanoseconds = test_run(self.program("restore"), bytes(90), repeat)
        if verdict != load.verdict:
            raise Vc5Error(f"verdict {verdict} where {load.verdict} belongs: {load}")
        return nanoseconds

    def net(self, target: int, load: Load, repeat: int = REPEAT) -> float:
        """The median of what the target costs beyond the harness."""
        alone, trivial = replace(load, verdict=TX), self.program("trivial")
        runs = [self.run(target, load, repeat) - self.run(trivial, alone, repeat) for _ in range(RUNS)]
        return statistics.median(runs)

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
