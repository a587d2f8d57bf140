"""Memory and time against services, reals and flows: python -m tests.bench.scale

Needs root. Compiles documents of growing size, opens the daemon's Dataplane on each, and asks the kernel what
its maps take and the clock what applying takes. Writes the key `scale` of build/bench.json, and
build/scale.svg.

    maps_mb       what the kernel has taken for all maps, by its own account of each
    tables_mb     … of it for flows
    process_mb    the peak of a process that did nothing else than read and apply the documents
    read_s        file to checked document
    first_s       the first document: maps are made, everything is filled in
    change_s      then one service gets one real more, in the maps that are there
    scan_s        walking the flow tables once, with so many established flows in them
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from vc5d.dataplane import Dataplane
from vc5d.document import Document, read
from vc5d.generation import capacity
from vc5d.generation.transition import Scan
from vc5d.xdp.layout import FLOW, FLOW_KEY4
from vc5d.xdp.stores import FLOW_TABLES

from tests.bench import report, scale_chart
from tests.bench.compiler import configuration

ROOT = Path(__file__).parents[2]
SERVICES = (1, 10, 100, 1000)  # each with reals and a table of its own
REALS = (10, 100)  # of each service
FLOWS = tuple(1 << bits for bits in (16, 18, 20, 22))  # room for so many established TCP flows of a family


def measure(folder: Path) -> dict[str, Any]:
    """By "SERVICES_REALS", and by room for flows."""
    documents = {
        f"{services}_{reals}": _case(folder, services, reals, capacity.FLOWS)
        for reals in REALS
        for services in SERVICES
    }
    flows = {str(flows): _case(folder, 10, 10, flows, fill=True) for flows in FLOWS}
    return {"documents": documents, "flows": flows}


def _case(folder: Path, services: int, reals: int, flows: int, fill: bool = False) -> dict[str, float]:
    """In a process of its own, for its memory."""
    text = configuration(services, reals)
    files = []
    for name, content in (("first", text), ("second", _one_more(text))):
        source, target = folder / f"{name}.yaml", folder / f"{name}.json"
        source.write_text(content)
        command = [sys.executable, "-m", "vc5c.cli", str(source), "-o", str(target), "--no-cache"]
        subprocess.run(command, check=True, capture_output=True)
        files.append(str(target))
    command = [sys.executable, "-m", "tests.bench.scale", *files, str(flows), str(int(fill))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)}:\n{done.stderr}")
    found = dict[str, float](json.loads(done.stdout))
    words = " ".join(f"{name} {value:g}" for name, value in found.items())
    print(f"{services:5} services of {reals:3} reals, room for {flows:8,} flows: {words}", flush=True)
    return found


def _one_more(text: str) -> str:
    """The same with one more real for the first service."""
    return text.replace("    path:", "      - 172.31.255.1\n    path:", 1)


def one(first: Path, second: Path, flows: int, fill: bool) -> dict[str, float]:
    capacity.FLOWS = flows
    begin = time.monotonic()
    document = read(first)
    found = {"file_mb": _mb(first.stat().st_size), "read_s": _since(begin)}
    other = read(second)
    pins = Path(f"/sys/fs/bpf/vc5-scale-{os.getpid()}")
    begin = time.monotonic()
    plane = Dataplane.open(pins, ROOT / "build" / "vc5.bpf.o", document)
    try:
        plane.apply(document)
        found["first_s"] = _since(begin)
        begin = time.monotonic()
        if plane.apply(other).replaced:
            raise SystemExit("bench: a single real more must not need other maps")
        found["change_s"] = _since(begin)
        taken = memory(plane)
        found["maps_mb"] = _mb(sum(taken.values()))
        found["tables_mb"] = _mb(sum(taken[name] for name in FLOW_TABLES))
        found["process_mb"] = _mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
        if fill:
            found["flows"] = fill_up(plane, other, flows)
            begin = time.monotonic()
            Scan(plane.maps, plane.state, time.monotonic_ns()).read()
            found["scan_s"] = _since(begin)
    finally:
        plane.uninstall()
        plane.close()
    return found


def memory(plane: Dataplane) -> dict[str, int]:
    """Bytes by map, as the kernel says."""
    return {name: _taken(fd) for name, fd in plane._loaded().shared().items()}


def _taken(fd: int) -> int:
    lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("memlock:"))


def fill_up(plane: Dataplane, document: Document, room: int) -> int:
    """Nine of ten places taken by flows of the first service that is found. How many."""
    key, service = next(iter(plane.state.services.items()))
    count = room * 9 // 10
    keys, values = np.zeros(count, FLOW_KEY4), np.zeros(count, FLOW)
    raw = keys.view("u1").reshape(count, -1)
    raw[:, 0:4] = np.arange(count, dtype="<u4").view("u1").reshape(count, 4)
    raw[:, 4:8] = np.frombuffer(key.packed, "u1")
    raw[:, -2:] = list(key.port.to_bytes(2, "big"))
    values["real_id"] = next(iter(service.reals.values())).id
    values["last_ns"] = time.monotonic_ns()
    values["hash"] = np.random.default_rng(1).integers(0, 1 << 63, count, dtype=np.uint64)
    plane.maps.tables["flows4_tcp"].write(keys, values)
    return len(plane.maps.tables["flows4_tcp"].read()[0])


def _since(begin: float) -> float:
    return round(time.monotonic() - begin, 3)


def _mb(size: int) -> float:
    return round(size / 1e6, 2)


def main() -> int:
    if sys.argv[1:]:
        first, second, flows, fill = sys.argv[1:]
        print(json.dumps(one(Path(first), Path(second), int(flows), bool(int(fill)))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    machine = {"machine": report.cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release()}
    report.update(scale={**machine, **found})
    print(f"drawn in {scale_chart.write(report.read()['scale'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
