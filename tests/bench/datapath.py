"""Nanoseconds a packet costs in the XDP program, net of the harness: python -m tests.bench.datapath

Needs root, clang and build/vc5.bpf.o; writes build/bench.json. Each number is the median of five runs, each
run beside one of the harness alone, on one CPU, its packets in the cache: the program's cost, not the NIC's.
"""

from __future__ import annotations

import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vc5d.bpf import Object, test_run
from vc5d.errors import Vc5Error
from vc5d.maps import Capacity
from vc5d.program import Program

from tests.bench import report
from tests.bpf import place
from tests.bpf.model import PASS, TX, Balancer, Real, Service
from tests.bpf.packets import ethernet, ipv4, tcp

ROOT = Path(__file__).parents[2]
VIP, HOST = "192.168.101.1", "10.1.10.1"
REALS, TABLE = 100, 16381
RUNS, REPEAT = 5, 1_000_000
VLAN = 20
CAPACITY = Capacity(
    positions4=32,
    displacement_lines4=1,
    slots_lines=1024,
    reals=256,
    services=8,
    accepting_lines=32,
    flows=1 << 21,
)


@dataclass(frozen=True)
class Load:
    """Packets to time. `flows`: how many (a power of two), met at random, or one after the other from the
    first if `sequential`."""

    flows: int = 1
    vip: str = VIP
    flags: str = "A"
    sequential: bool = False
    tagged: bool = False
    verdict: int = TX

    def plan(self) -> bytes:
        """As the harness's struct plan."""
        segment = tcp(1, 80, self.flags, bytes(12), doff=8)
        frame = ethernet(ipv4(segment, self.vip), tci=10 if self.tagged else None)
        state = 0 if self.sequential else 0x9E3779B97F4A7C15
        head = struct.pack("<QIBBxx", state, self.flows - 1, self.sequential, self.tagged)
        return (head + frame).ljust(88, b"\0")


NEW = Load(flows=1 << 32, flags="S", sequential=True)


class Harness:
    def __init__(self, folder: Path) -> None:
        built = folder / "harness.bpf.o"
        source = Path(__file__).with_name("harness.bpf.c")
        include = f"-I/usr/include/{platform.machine()}-linux-gnu"
        subprocess.run(
            ["clang", "-O2", "-g", "-Wall", "-target", "bpf", include, "-c", source, "-o", built], check=True
        )
        self._object = Object(built, {})

    def program(self, name: str) -> int:
        return self._object.program(name)

    def run(self, target: int, load: Load, repeat: int = REPEAT) -> int:
        """Nanoseconds a packet, the harness included; raises if the last packet's verdict is another."""
        zero = struct.pack("<I", 0)
        self._object.maps["plans"].update(zero, load.plan())
        self._object.maps["target"].update(zero, struct.pack("<I", target))
        verdict, _out, nanoseconds = test_run(self.program("restore"), bytes(66), repeat)
        if verdict != load.verdict:
            raise Vc5Error(f"verdict {verdict} where {load.verdict} belongs: {load}")
        return nanoseconds

    def net(self, target: int, load: Load) -> float:
        """The median of what the target costs beyond the harness."""
        alone = Load(load.flows, load.vip, load.flags, load.sequential, load.tagged)
        runs = [self.run(target, load) - self.run(self.program("trivial"), alone) for _ in range(RUNS)]
        return statistics.median(runs)


def service(track: str = "needed", vlan: int = 0) -> Service:
    """A hundred reals; the table is no Maglev, but as mixed as one."""
    reals = [Real(1000 + i, mac=bytes([2, 0, 0, 0, 1, i]), vlan=vlan) for i in range(REALS)]
    return Service(VIP, 80, 6, reals, [i * 7919 % REALS for i in range(TABLE)], track)


def measure(harness: Harness, program: Program) -> dict[str, float]:
    def set_up(web: Service) -> None:
        place.clear_flows(program.maps)
        place.place(Balancer([web]), program.maps)

    vc5, results = program.prog_fd, {"floor_ns": harness.net(harness.program("swap_macs"), Load())}
    set_up(service())
    results["established_1_ns"] = harness.net(vc5, Load())
    results["established_64k_ns"] = harness.net(vc5, Load(1 << 16))
    results["established_1m_ns"] = harness.net(vc5, Load(1 << 20))
    results["new_flow_ns"] = harness.net(vc5, NEW)
    results["pass_ns"] = harness.net(vc5, Load(vip=HOST, verdict=PASS))
    set_up(service(vlan=VLAN))
    results["vlan_rewrite_ns"] = harness.net(vc5, Load(1 << 16, tagged=True))
    results["vlan_push_ns"] = harness.net(vc5, Load(1 << 16))
    set_up(service("full"))
    for flags in "SA":  # every flow opened, then established
        harness.run(vc5, Load(1 << 16, flags=flags, sequential=True), 1 << 16)
    results["tracked_established_64k_ns"] = harness.net(vc5, Load(1 << 16))
    results["tracked_new_flow_ns"] = harness.net(vc5, NEW)
    return results


def main() -> int:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        with tempfile.TemporaryDirectory() as folder:
            program = Program.load(ROOT / "build" / "vc5.bpf.o", CAPACITY)
            results = measure(Harness(Path(folder)), program)
    except Vc5Error as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    about = {
        "machine": report.cpu_model(),
        "kernel": platform.release(),
        "runs": RUNS,
        "packets_a_run": REPEAT,
    }
    report.update(**about, **results)
    print(f"{about['machine']}, Linux {about['kernel']}; {REALS} reals, one service, 66-byte TCP frames")
    for name, value in results.items():
        print(f"{name.removesuffix('_ns').replace('_', ' '):28s} {value:6.0f} ns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
