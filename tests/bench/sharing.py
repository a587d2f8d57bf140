"""Flows shared between two load balancers: python -m tests.bench.sharing

Needs root; adds its keys to build/bench.json. Two data planes in network namespaces; both processes that
share run on one CPU, all else on the others. New flows are made by the real program, of one of them.

    sharing_flows_per_s            new flows of one, known to the other; 125,000 were made, 100,000 are wanted
    sharing_lost                   of those, not known to the other
    sharing_send_cpu_percent       of one CPU, of the process that told them (each twice)
    sharing_receive_cpu_percent    of the process that heard of them
    sharing_flood_per_s            datagrams of a stranger; most in the name of a node that is known
    sharing_flood_cpu_percent      of one CPU, of the process that shares, meanwhile
    sharing_flood_late_ms          the most that a timer of vc5d's own event loop was late meanwhile …
    sharing_quiet_late_ms          … and without a flood
    sharing_latency_ms             from a new flow to its entry at the other; median of 50
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import report
from tests.runtime.support.documents import Spec, raw_document
from tests.sharing.fleet import ROOT, Fleet, Member, eventually

RATE, SECONDS = 125_000, 5.0
SERVICE = "192.168.101.1:53:udp"
REALS = {f"10.77.0.{n}": 1 for n in (101, 102, 103)}
TICKS = os.sysconf("SC_CLK_TCK")


def document() -> dict[str, Any]:
    macs = {real: f"02:00:00:00:00:{number:02x}" for number, real in enumerate(REALS)}
    extra = {"multicast": "239.7.7.7:9999"}
    return raw_document(Spec({SERVICE: REALS}, macs=macs, track={SERVICE: "full"}, lifetime=900, extra=extra))


def cpu_s(member: Member) -> float:
    """Of its process that shares."""
    fields = Path(f"/proc/{member.children[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pin(one: Member, other: Member) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    for member in (one, other):
        os.sched_setaffinity(member.children[0], {cpus[-1]})
        os.sched_setaffinity(member.pid, set(cpus[:-1]) or set(cpus))


def latency_ms(one: Member, other: Member) -> float:
    """The other is asked over and over: what that takes is in it."""
    times = []
    for number in range(50):
        before = other.ask("flows")["flows4_udp"]
        begin = time.perf_counter()
        one.ask("packets", [["172.16.0.1", 1024 + number, "192.168.101.1", 53, "udp", ""]])
        while other.ask("flows")["flows4_udp"] == before and time.perf_counter() < begin + 5:
            pass
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def measure(one: Member, other: Member) -> dict[str, float]:
    one.ask("generate", RATE // 100, 0.5)  # compiles the harness
    time.sleep(2.5)
    stored = other.ask("status")["merged"]["stored"]
    used = [cpu_s(one), cpu_s(other)]
    begin = time.monotonic()
    made = one.ask("generate", RATE, SECONDS)
    seconds = time.monotonic() - begin
    eventually(lambda: other.ask("status")["merged"]["stored"] - stored >= made, 3)
    known = other.ask("status")["merged"]["stored"] - stored
    time.sleep(1)  # the last second's flows are told once more
    used = [cpu_s(member) - before for member, before in zip((one, other), used, strict=True)]
    return {
        "sharing_flows_per_s": round(known / seconds),
        "sharing_lost": made - known,
        "sharing_send_cpu_percent": round(100 * used[0] / seconds, 1),
        "sharing_receive_cpu_percent": round(100 * used[1] / seconds, 1),
    }


def flood(member: Member) -> dict[str, float]:
    """The attacker has the CPU that the process which shares does not have."""
    (node,) = member.ask("status")["nodes"]
    quiet, used = member.ask("late", SECONDS), cpu_s(member)
    command = ["nsenter", f"--net=/run/netns/{member.net}", sys.executable, "-m", "tests.sharing.attacker"]
    command += [member.address, "9999", str(SECONDS + 1), node]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as attacker:
        time.sleep(0.5)
        late = member.ask("late", SECONDS)
        sent = int(attacker.communicate()[0])
    used = cpu_s(member) - used
    return {
        "sharing_flood_per_s": round(sent / (SECONDS + 1)),
        "sharing_flood_cpu_percent": round(100 * used / (SECONDS + 1), 1),
        "sharing_flood_late_ms": late,
        "sharing_quiet_late_ms": quiet,
    }


def main() -> int:
    if os.geteuid() != 0:
        sys.stderr.write("needs root: namespaces and BPF\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder), Path("/sys/fs/bpf"), "tests.bench.sharing_node")
        try:
            one, other = fleet.add(document()), fleet.add(document())
            for member in (one, other):
                if not eventually(lambda m=member: m.ask("status").get("nodes"), 60):
                    sys.stderr.write(f"they do not hear each other: {member.ask('status')}\n")
                    return 1
                member.ask("states", dict.fromkeys(REALS, "ACCEPTING"))
            pin(one, other)
            found = {"sharing_latency_ms": round(latency_ms(one, other), 1)} | measure(one, other)
            found |= flood(other)
            state = {"one": one.ask("status"), "other": other.ask("status")}
        finally:
            fleet.close()
    report.update(**found)
    for name, value in found.items():
        print(f"{name:30} {value:>10}")
    if found["sharing_lost"]:
        print(
            {
                name: {key: each[key] for key in ("told", "dropped", "merged", "unsent")}
                for name, each in state.items()
            }
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
