"""Mutated packets to program and model: python -m tests.bpf.fuzz 10000000 [--seed 1] [--processes 2]

In rounds: each has services, health, blocks, MACs and switches of its own, drawn from its seed, and a few
thousand packets. What comes out is compared for each packet, counters and memory for each round. They differ:
exit 1.
"""

from __future__ import annotations

import argparse
import ipaddress
import multiprocessing
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .kernel import Kernel
from .model import NS, TCP, TRANSITION, UDP, Balancer, First, Real, Service, Tunnel
from .model.balancer import LOOPBACK
from .mutate import corpus, mutate
from .packets import BALANCER, FAMILIES, MAC
from .pair import Pair
from .place import TUNNELS, usable_salt

ROOT = Path(__file__).parents[2]
OBJECT = Path(os.environ.get("VC5_OBJECT", ROOT / "build" / "vc5.bpf.o"))
ROUND = 4000  # packets
ROOMY = dict.fromkeys(("fragments4", "fragments6", "sessions", "prefixes6"), 1 << 15) | {
    f"flows{version}_{kind}": 1 << 15 for version in (4, 6) for kind in ("tcp", "syn", "udp")
}


@dataclass(frozen=True)
class Difference:
    """`seed`: of the round; `message`: what differed, with the frame's bytes."""

    seed: int
    message: str


def services(r: random.Random) -> list[Service]:
    """Of each family: TCP 80, UDP 53, now and then any port, now and then a second VIP."""
    made: list[Service] = []
    for family in FAMILIES:
        ports = [(family.vip, 80, TCP), (family.vip, 53, UDP)]
        ports += [(family.vip, 0, r.choice((TCP, UDP)))] * r.getrandbits(1)
        ports += [(family.other_vip, 443, TCP)] * r.getrandbits(1)
        made += [_service(r, *place, len(made)) for place in ports]
    return made


def _service(r: random.Random, address: str, port: int, protocol: int, number: int) -> Service:
    size = r.choice((1, 7, 31, 61))
    reals = [_real(r, 10 * number + i + 1, i, ":" in address) for i in range(r.choice((1, 2, 6)))]
    table = [r.randrange(len(reals)) for _ in range(size)]
    service = Service(
        address, port, protocol, reals, table, r.choice(("needed", "needed", "full", "minimal"))
    )
    kind = r.randrange(6)
    service.sticky, service.leastconn = kind == 0, kind == 1
    if service.leastconn:
        service.track = "full"
    if r.getrandbits(1):
        service.slots = [r.choice((0, 1, 2)) for _ in range(size)]
        old = [r.randrange(len(reals)) for _ in range(r.choice((1, 7, 31)))]
        service.first = (
            First(old, r.getrandbits(64), bool(r.getrandbits(1))) if TRANSITION in service.slots else None
        )
    return service


def _real(r: random.Random, id: int, index: int, six: bool) -> Real:
    mac = MAC[:5] + bytes([index]) if r.randrange(12) else None
    state = r.choice((1, 1, 1, 2, 3))
    vlan, ifindex = r.choice((0, 0, 10, 20)), r.choice((0, 0, 1, 4711))
    real = Real(id, "", state, bool(r.getrandbits(1)), mac, vlan, ifindex, r.randrange(4))
    type = r.choice(("", "", *TUNNELS[1:]))
    if type:
        far = bool(r.getrandbits(1)) if type != "dscp" else six
        real.address, source = ("2001:db8:77::9", "2001:db8:10::1") if far else ("10.77.0.9", "10.1.10.1")
        mtu, port = r.choice((0, 48, 60, 64, 80, 1280, 1400)), r.getrandbits(16)
        real.tunnel = Tunnel(type, source, port, mtu, r.getrandbits(6))
    return real


def options(r: random.Random) -> dict[str, object]:
    blocked = []
    for network in ("10.99.0.0/30", "224.0.0.0/4", "0.0.0.0/1", "2001:db8:97::/48", "8000::/1"):
        if not r.randrange(8):
            blocked.append(ipaddress.ip_network(network))
    return {
        "seed": r.getrandbits(64),
        "salt": r.getrandbits(64),
        "lifetime": 9.0,
        "vlans": {10, 20, 63} if r.getrandbits(1) else {10, 64, 4095},
        "down": {family.vip for family in FAMILIES if not r.randrange(5)},
        "blocked": blocked,
        "own": own(r),
        "echoes": (1 << 32) - 1,
        "too_bigs": (1 << 32) - 1,
        "session_mask": r.choice((0, 3, 0xFFFFFFFF)),
    }


def own(r: random.Random) -> list[tuple[int, bytes]]:
    """MACs that frames for this host have; mostly with that which nearly all are sent to."""
    interface, wanted = (
        r.choice((0, 0, LOOPBACK, LOOPBACK, LOOPBACK + 1)),
        r.choice((0, 1, 1, 2, 4, 5, 9, 68)),
    )
    macs = [MAC[:5] + bytes([number]) for number in range(wanted)]
    if macs and r.randrange(8):
        macs[r.randrange(wanted)] = BALANCER
        interface = min(interface, LOOPBACK)
    return [(interface, mac) for mac in macs]


def play(pair: Pair, frames: list[bytes], seed: int, packets: int = ROUND) -> None:
    """One round; AssertionError where program and model differ."""
    r = random.Random(seed)
    made, chosen = services(r), options(r)
    chosen["salt"] = usable_salt(Balancer(made, **chosen), pair.kernel)  # type: ignore[arg-type]
    pair.start(*made, **chosen)
    pair.nearly = (
        5 * NS
    )  # of times: a busy machine lets a process wait, and what is seldom renewed differs more
    sent = [mutate(r, r.choice(frames)) for _ in range(packets)]
    half = packets // 2
    pair.send_all(sent[:half])
    pair.same_state()
    pair.age(r.choice((2.0, 5.5, 9.5)))
    pair.send_all(sent[half:])
    pair.same_state()


def rounds(
    kernel: Kernel, cpu: int, first: int, count: int, step: int, *, patience: int = 10, tell: bool = False
) -> list[Difference]:
    """Rounds with the seeds first, first + step, …; gives up after `patience` differences. tell: how far it
    is."""
    pair, frames, found = Pair(kernel, cpu), corpus(), list[Difference]()
    for n in range(count):
        if tell and n * 20 // count != (n - 1) * 20 // count:
            print(f"{100 * n // count} %", end=" ", file=sys.stderr, flush=True)
        seed = first + n * step
        try:
            play(pair, frames, seed)
        except AssertionError as difference:
            found.append(Difference(seed, str(difference)))
            if len(found) >= patience:
                break
    return found


def work(number: int, seed: int, count: int, step: int) -> list[Difference]:
    """One process's share, on a CPU of its own."""
    cpus = sorted(os.sched_getaffinity(0))
    cpu = cpus[number % len(cpus)]
    os.sched_setaffinity(0, {cpu})
    kernel = Kernel(OBJECT, ROOMY)
    try:
        return rounds(kernel, cpu, seed + number, count, step, tell=number == 0)
    finally:
        kernel.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bpf.fuzz", description=__doc__)
    parser.add_argument("packets", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    count = -(-asked.packets // ROUND // asked.processes)
    begin = time.monotonic()
    shares = [(n, asked.seed, count, asked.processes) for n in range(asked.processes)]
    with multiprocessing.get_context("spawn").Pool(asked.processes) as pool:
        found = [difference for share in pool.starmap(work, shares) for difference in share]
    print(file=sys.stderr)
    for difference in found:
        print(f"round {difference.seed}: {difference.message}\n")
    total, seconds = count * asked.processes * ROUND, time.monotonic() - begin
    print(f"{total} packets in {seconds:.0f} s, {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
