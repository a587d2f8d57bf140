"""What compiling costs, and what the tables are worth: python -m tests.bench.compiler

Writes the key `compiler` of build/bench.json, and build/tables.svg. Each case is runs of vc5c, the best of
RUNS: wall clock and processor seconds, peak memory, the size of the file. `stages_cpu_s`: processor
seconds of all threads, stage after stage in one process. Slots moved without need are in percent of all.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench import chart, report, tables

RUNS = 3


def configuration(services: int, reals: int, size: int = 0, shared: bool = False) -> str:
    """Services of so many reals each; all of them different unless `shared`."""
    text = ["services:"]
    for number in range(services):
        first = 1 if shared else number * reals + 1
        addresses = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(first, first + reals))
        text += [f"  - name: s{number}", f"    virtual: 192.168.{number >> 8}.{number & 255}", "    servers:"]
        text += [f"      - {address}" for address in addresses]
        text += ["    path: /alive", "    interval: 60", "    policy: {http: }"]
        text += [f"    table_size: {size}"] if size else []
    return "\n".join(text) + "\n"


CASES = {
    "1000_services_100_reals": configuration(1000, 100),
    "1000_services_100_reals_65537_slots": configuration(1000, 100, 65537),
    "10000_services_10_reals": configuration(10_000, 10),
    "1_service_6553_reals": configuration(1, 6553),
    "1000_services_1_table": configuration(1000, 100, shared=True),
}


def run(config: Path, *options: str) -> dict[str, Any]:
    """One compilation into a file that is not there yet."""
    out = config.with_suffix(".json")
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "vc5c.cli", str(config), "-o", str(out), *options]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait for it, too
    if process.returncode:
        raise SystemExit(f"bench: vc5c failed: {' '.join(command)}")
    return {
        "wall_s": round(time.perf_counter() - start, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": used.ru_maxrss >> 10,
        "file_mb": round(out.stat().st_size / 1e6, 1),
    }


def best(config: Path, *options: str) -> dict[str, Any]:
    return min((run(config, *options) for _ in range(RUNS)), key=lambda result: result["wall_s"])


def stages(config: Path) -> dict[str, float]:
    """Processor seconds of each stage, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.compiler", "--stages", str(config)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def time_stages(path: str) -> dict[str, float]:
    from vc5c import build, emit, include, resolve, schema, source, validate
    from vc5c.problems import Problems
    from vc5c.spool import Spool
    from vc5c.tables import make_tables

    seconds = {"import": round(time.process_time(), 3)}

    def timed(name: str, stage: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = stage()
        seconds[name] = round(time.process_time() - start, 3)
        return result

    text, problems = source.read(path), Problems()
    tree = timed("parse", lambda: include.parse_all(text, problems))
    timed("schema", lambda: schema.judge(tree, problems))
    config = timed("build", lambda: build.build(tree, problems))
    timed("validate", lambda: validate.validate(config, problems))
    resolved = timed("resolve", lambda: resolve.resolve(config))
    made = timed("tables", lambda: make_tables((s.table for s in resolved.services), Spool()))
    timed("emit", lambda: sum(map(len, emit.document(resolved, made))))
    return seconds


def describe(result: dict[str, Any]) -> str:
    return "{wall_s} s, {cpu_s} s of processor time, {peak_mb} MB of memory, {file_mb} MB of file".format(
        **result
    )


def measure(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, text in CASES.items():
        config = folder / f"{name}.yaml"
        config.write_text(text)
        cache = f"--cache-dir={folder / name}"
        results[name] = best(config, "--no-cache")
        results[name]["filling_the_cache"] = run(config, cache)
        results[name]["from_the_cache"] = best(config, cache)
        results[name]["stages_cpu_s"] = stages(config)
        print(f"{name.replace('_', ' '):36s}", describe(results[name]))
        print(" " * 36, "from the cache:", describe(results[name]["from_the_cache"]))
    return results


def main() -> int:
    if sys.argv[1:2] == ["--stages"]:
        print(json.dumps(time_stages(sys.argv[2])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        cases = measure(Path(folder))
    worth = tables.measure()
    machine = {"machine": report.cpu_model(), "cores": len(os.sched_getaffinity(0)), "runs": RUNS}
    report.update(compiler={**machine, "python": platform.python_version(), "cases": cases, "tables": worth})
    print("slots    reals  moved without need  largest share / mean")
    for size, by_reals in worth.items():
        for count, found in by_reals.items():
            print(
                f"{size:>7} {count:>6}  {found['disruption_percent']:>16.3f} %  {found['imbalance']:>20.4f}"
            )
    print(f"drawn: {chart.write(worth)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
