"""Nanoseconds a packet costs in the XDP program, net of the harness: python -m tests.bench.datapath

Needs root, clang and build/vc5.bpf.o; writes its part of build/bench.json. Each number is the median of five
runs, by turns with the harness alone, on one CPU, packets in the cache: the program's cost, no NIC's.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import sys
import tempfile
from pathlib import Path

from vc5d.errors import Vc5Error

from tests.bench import report
from tests.bench.datapath_chart import draw
from tests.bench.harness import REPEAT, RUNS, Harness, Load, addresses
from tests.bench.targets import targets
from tests.bpf.kernel import SLOTS_PER_LINE, Kernel
from tests.bpf.model import PASS, Balancer, Real, Service, Tunnel
from tests.bpf.packets import BALANCER, TCP, V4, V6, Family
from tests.bpf.place import TUNNELS, place
from tests.bpf.reading import clear

ROOT = Path(__file__).parents[2]
REALS, TABLE = 100, 16381  # of the service that most figures are about
MANY, MANY_REALS, MANY_TABLE = (1, 1000, 10_000), 10, 1021  # of each of many services
FIRST = "10.200.0.0"  # address of the first of many services
SOME = 64
VLAN = 20
PORT = 6080  # of FOU and GUE
FLOWS64K, FLOWS1M = 1 << 16, 1 << 20
NEW = Load(flows=1 << 32, flags="S", sequential=True)
SIZES = {
    "displacements": 4 * 8192 // SLOTS_PER_LINE,
    "services4": 2 * 32768,
    "services6": 2 * 32768,
    "slots": max(MANY) * -(-MANY_TABLE // SLOTS_PER_LINE) + 2048,
    "reals": max(MANY) * MANY_REALS + 256,
    "real_counters": max(MANY) * MANY_REALS + 256,
    "service_states": max(MANY) + 8,
    "accepting": 4 * (max(MANY) + 8),
    "sessions": 1 << 16,
} | {f"flows{version}_{kind}": 1 << 21 for version in (4, 6) for kind in ("tcp", "syn", "udp")}

Results = dict[str, float]


def service(address: str = V4.vip, track: str = "needed", vlan: int = 0) -> Service:
    """A hundred reals; the table is no Maglev, but as mixed as one."""
    reals = [Real(1000 + i, mac=bytes([2, 0, 0, 0, 1, i]), vlan=vlan) for i in range(REALS)]
    return Service(address, 80, TCP, reals, [i * 7919 % REALS for i in range(TABLE)], track)


def away(service: Service, type: str, far: Family) -> Service:
    """Its reals behind tunnels, with addresses of this family."""
    for number, real in enumerate(service.reals):
        real.address = f"10.77.0.{number + 1}" if far is V4 else f"2001:db8:77::{number + 1:x}"
        real.tunnel = Tunnel(type, far.host, PORT, 1400, 1)
    return service


def many(count: int) -> list[Service]:
    """Services at consecutive addresses, each with reals and a table of its own."""
    begin = ipaddress.IPv4Address(FIRST)
    macs = [bytes([2, 0, 0, 0, 1, i]) for i in range(MANY_REALS)]
    table = [i * 7919 % MANY_REALS for i in range(MANY_TABLE)]
    return [
        Service(str(begin + n), 80, TCP, [Real(n * 16 + i + 1, mac=mac) for i, mac in enumerate(macs)], table)
        for n in range(count)
    ]


class Bench:
    """What is measured, group by group, into `results`."""

    def __init__(self, harness: Harness, kernel: Kernel) -> None:
        self.harness, self.kernel, self.results = harness, kernel, Results()

    def set_up(self, *services: Service) -> None:
        clear(self.kernel)
        place(Balancer(list(services), own=[(0, BALANCER)]), self.kernel)

    def note(self, key: str, load: Load, target: int = 0) -> None:
        found = self.results[key] = self.harness.net(target or self.kernel.prog_fd, load)
        print(f"{key.removesuffix('_ns').replace('_', ' '):36s} {found:6.0f} ns", flush=True)

    def floor(self) -> None:
        """What this machine takes for the parts that any such program is made of."""
        self.note("floor_ns", Load(), self.harness.program("swap_macs"))
        self.harness.place_services(addresses(FIRST, 1))
        self.note("hash_hit_ns", Load(vip=FIRST), self.harness.program("lookup_hash"))
        self.note("lru_hit_ns", Load(vip=FIRST), self.harness.program("lookup_lru"))

    def family(self, suffix: str, vip: str, host: str) -> None:
        """`suffix` of the keys: "" IPv4, "6" IPv6."""
        self.set_up(service(vip))
        self.note(f"established{suffix}_1_ns", Load(vip=vip))
        self.note(f"established{suffix}_64k_ns", Load(FLOWS64K, vip))
        self.note(f"established{suffix}_1m_ns", Load(FLOWS1M, vip))
        self.note(f"new_flow{suffix}_ns", Load(NEW.flows, vip, "S", sequential=True))
        self.note(f"pass{suffix}_ns", Load(vip=host, verdict=PASS))

    def vlans(self, suffix: str, vip: str) -> None:
        self.set_up(service(vip, vlan=VLAN))
        self.note(f"vlan_rewrite{suffix}_ns", Load(FLOWS64K, vip, tagged=True))
        self.note(f"vlan_push{suffix}_ns", Load(FLOWS64K, vip))
        self.set_up(service(vip))
        self.note(f"vlan_pop{suffix}_ns", Load(FLOWS64K, vip, tagged=True))

    def tunnels(self, suffix: str, vip: str) -> None:
        """To reals of either family, as many flows as in layer 2's figure beside them."""
        for family in (V4, V6):
            for type in TUNNELS[1:-1]:
                self.set_up(away(service(vip), type, family))
                self.note(f"{type}{suffix}_over{family.version}_ns", Load(FLOWS64K, vip))
        self.set_up(away(service(vip), "dscp", V6 if suffix else V4))
        self.note(f"dscp{suffix}_ns", Load(FLOWS64K, vip))

    def tracked(self, suffix: str, vip: str) -> None:
        """Every flow in the flow table, as other balancers of the kind have them."""
        for name, flows in (("64k", FLOWS64K), ("1m", FLOWS1M)):
            self.set_up(service(vip, "full"))
            for flags in "SA":  # every flow opened, then established
                self.harness.run(self.kernel.prog_fd, Load(flows, vip, flags, sequential=True), flows)
            self.note(f"tracked_established{suffix}_{name}_ns", Load(flows, vip))
        self.note(f"tracked_established{suffix}_1_ns", Load(vip=vip))
        self.note(f"tracked_new_flow{suffix}_ns", Load(NEW.flows, vip, "S", sequential=True))

    def services(self, count: int) -> None:
        """Traffic on one, some and all of `count`, by the program and by the two ways to look one up."""
        self.set_up(*many(count))
        self.harness.place_services(addresses(FIRST, count))
        hit = sorted({1, min(SOME, count), count})
        for traffic in hit:
            load = Load(FLOWS64K, FIRST, services=traffic)
            name = f"{count}_on_{traffic}_ns"
            self.note(f"services_{name}", load)
            self.note(f"lookup_perfect_{name}", load, self.harness.program("lookup_perfect"))
            self.note(f"lookup_hash_{name}", load, self.harness.program("lookup_hash"))

    def all(self) -> Results:
        self.floor()
        for suffix, family in (("", V4), ("6", V6)):
            self.family(suffix, family.vip, family.host)
            self.vlans(suffix, family.vip)
            self.tunnels(suffix, family.vip)
            self.tracked(suffix, family.vip)
        for count in MANY:
            self.services(count)
        return self.results


def main() -> int:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    machine, kernel = report.cpu_model(), platform.release()
    print(f"{machine}, Linux {kernel}; TCP frames of 66 bytes, IPv6 86; {REALS} reals", flush=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            harness = Harness(Path(folder))
            results = Bench(harness, Kernel(ROOT / "build" / "vc5.bpf.o", SIZES)).all()
    except Vc5Error as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    told = {
        "machine": machine,
        "kernel": kernel,
        "runs": RUNS,
        "packets_a_run": REPEAT,
        "unrest_percent": round(100 * (harness.unrest - 1)),
    }
    report.update(**told, **results)
    print(f"{told['machine']}, Linux {told['kernel']}; TCP frames of 66 bytes, IPv6 86; {REALS} reals")
    print(
        f"the harness alone took up to {told['unrest_percent']} % more than at its best beside what counted"
    )
    print(*targets(results), sep="\n")
    print(f"drawn in {draw(report.read())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
