"""Health checks a second on one core: python -m tests.bench.health

Needs root and nginx; adds its keys to build/bench.json. A load balancer and a real in network namespaces on
a veth pair; vc5d's side on one CPU, nginx on the others. The real's half of the network stack runs on
vc5d's CPU too, as a veth does, and is counted there.

    health_KIND_per_s       checks a second with 64 always under way
    health_KIND_per_cpu_s   the same by the CPU time of this process: what counts where the machine is busy
    health_KIND_at_N_*      N checks, each once a second by Watch: CPU used, lateness, how many failed
    health_healthy_per_s    of the ten checks a second of a healthy real beside 1,000 that never answer
    health_healthy_late_ms  the most that a check there was late
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vc5d.document import ServiceKey
from vc5d.health.checks import Check, Name, Plan
from vc5d.health.marks import Paths
from vc5d.health.probers import Probers
from vc5d.health.state import Condition, Result, Rule
from vc5d.health.watch import Watch
from vc5d.loop.collecting import settle
from vc5d.network.netlink import open_netlink
from vc5d.network.vlans import Place

from . import report

BALANCER, REAL = (f"vc5-bench-{os.getpid()}-{name}" for name in ("lb", "real"))
VIP, SILENT, ADDRESS, SOURCE = "192.0.2.80", "192.0.2.99", "10.67.0.2", "10.67.255.1"
SECONDS = 4.0
AT_ONCE = 64
CHECKS = {"http": Check("http", 80, path="/alive"), "syn": Check("syn", 80)}
WANTED = {"http": 2000, "syn": 10000}
DEAD = 1000

_NGINX = """\
daemon off; user nobody nogroup; worker_processes 1; pid {folder}/pid; error_log {folder}/log;
worker_rlimit_nofile 20000; events {{ worker_connections 10000; }}
http {{ access_log off; server {{ listen 80 backlog=65535; location /alive {{ return 200 "alive"; }} }} }}
"""


class Directions(Paths):
    def resolved(self, real: str) -> bool:
        return True

    def unasked(self, real: str) -> bool:
        return False


Work = Callable[[Probers], Awaitable[dict[str, float]]]


def run(work: Work, reals: list[str]) -> dict[str, float]:
    """`work` in the load balancer's namespace, with a way to each of `reals`."""

    async def main() -> dict[str, float]:
        async with open_netlink() as netlink:
            paths = Directions(netlink)
            await paths.start()
            (index,) = await netlink.link_lookup(ifname="eth0")
            await paths.update({real: Place(index, "eth0", SOURCE, 0) for real in reals})
            probers = Probers(paths)
            try:
                return await work(probers)
            finally:
                await probers.close()
                await paths.stop()

    return asyncio.run(main())


def plan(kind: str, number: int = 0, real: str = ADDRESS, vip: str = VIP, interval: float = 1.0) -> Plan:
    """number: so that plans of one real differ in name, and so in phase."""
    return Plan(ServiceKey(vip, 1 + number, "tcp"), real, (CHECKS[kind],), Rule(), interval, 1.0)


def throughput(kind: str) -> Work:
    """As fast as it goes."""

    async def work(probers: Probers) -> dict[str, float]:
        done = 0
        end = time.perf_counter() + SECONDS

        async def ask() -> None:
            nonlocal done
            while time.perf_counter() < end:
                result = await probers.round(plan(kind))
                done += result.passed is True

        began, used = time.perf_counter(), time.process_time()
        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
        seconds, used = time.perf_counter() - began, time.process_time() - used
        return {f"health_{kind}_per_s": round(done / seconds), f"health_{kind}_per_cpu_s": round(done / used)}

    return work


async def watched(
    probers: Probers, plans: dict[Name, Plan], seconds: float
) -> tuple[Watch, list[Result], float]:
    """All of `plans` for so long, after a first interval; the results and the CPU seconds."""
    results: list[Result] = []

    async def round_of(each: Plan) -> Result:
        result = await probers.round(each)
        results.append(result)
        return result

    async def ignore(key: ServiceKey, real: str, condition: Condition) -> None:
        pass

    watch = Watch(round_of, ignore)
    await watch.follow(plans)
    settle()
    await asyncio.sleep(max(1.0, len(plans) / 1000))
    watch.late = 0.0
    results.clear()
    used = time.process_time()
    await asyncio.sleep(seconds)
    used = time.process_time() - used
    await watch.stop()
    return watch, list(results), used


def steady(kind: str) -> Work:
    """So many a second as are wanted, each at its time."""

    async def work(probers: Probers) -> dict[str, float]:
        count = WANTED[kind]
        plans = {((one := plan(kind, number)).service, one.real): one for number in range(count)}
        watch, results, used = await watched(probers, plans, SECONDS)
        name = f"health_{kind}_at_{count}"
        return {
            f"{name}_per_s": round(len(results) / SECONDS),
            f"{name}_cpu_percent": round(100 * used / SECONDS),
            f"{name}_late_ms": round(1000 * watch.late),
            f"{name}_failed": sum(not result.passed for result in results),
        }

    return work


async def beside_the_dead(probers: Probers) -> dict[str, float]:
    """One healthy real every 0.1 s, and 1,000 that drop every packet."""
    dead = [plan("http", 0, f"10.67.{1 + i // 250}.{1 + i % 250}", SILENT) for i in range(DEAD)]
    healthy = plan("http", interval=0.1)
    plans = {(one.service, one.real): one for one in [*dead, healthy]}
    watch, results, _ = await watched(probers, plans, SECONDS)
    passed = sum(bool(result.passed) for result in results)
    return {
        "health_healthy_per_s": round(passed / SECONDS, 1),
        "health_healthy_late_ms": round(1000 * watch.late),
    }


def measure() -> dict[str, float]:
    results: dict[str, float] = {}
    for kind in CHECKS:
        results |= run(throughput(kind), [ADDRESS])
        results |= run(steady(kind), [ADDRESS])
    dead = [f"10.67.{1 + i // 250}.{1 + i % 250}" for i in range(DEAD)]
    return results | run(beside_the_dead, [ADDRESS, *dead])


@contextmanager
def namespaces(folder: Path) -> Iterator[None]:
    """This thread in the load balancer's; nginx in the real's."""
    nginx = None
    try:
        for name in (BALANCER, REAL):
            _ip(f"netns add {name}")
            _ip("link set lo up", name)
        _ip(f"link add eth0 type veth peer name eth0 netns {REAL}", BALANCER)
        _ip(f"address add {SOURCE}/16 dev eth0\nlink set eth0 up", BALANCER)
        others = [f"10.67.{1 + i // 250}.{1 + i % 250}" for i in range(DEAD)]
        lines = [f"address add {VIP}/32 dev lo", *(f"address add {each}/16 dev eth0" for each in others)]
        _ip("\n".join([f"address add {ADDRESS}/16 dev eth0", *lines, "link set eth0 up"]), REAL)
        for limit in ("core/somaxconn", "ipv4/tcp_max_syn_backlog"):  # one server gets what is meant for many
            words = ["nsenter", f"--net=/run/netns/{REAL}", "sysctl", "-qw", f"net/{limit}=65535"]
            subprocess.run(words, check=True)
        (folder / "conf").write_text(_NGINX.format(folder=folder))
        binary = shutil.which("nginx") or "nginx"
        nginx = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{REAL}", binary, "-p", folder, "-e", folder / "log", "-c", "conf"]
        )
        _enter(Path(f"/run/netns/{BALANCER}"))
        time.sleep(0.5)
        yield
    finally:
        if nginx:
            nginx.terminate()
            nginx.wait()
        for name in (BALANCER, REAL):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def _ip(lines: str, netns: str = "") -> None:
    where = ["-n", netns] if netns else []
    subprocess.run(["ip", *where, "-batch", "-"], input=lines, text=True, check=True)


def _enter(netns: Path) -> None:
    with netns.open() as there:
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def main() -> int:
    if os.geteuid() != 0 or not shutil.which("nginx"):
        print("bench: health needs root and nginx", file=sys.stderr)
        return 1
    cpus = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.sched_setaffinity(0, cpus[1:] or cpus)  # inherited by nginx
        with namespaces(folder):
            os.sched_setaffinity(0, cpus[:1])
            results = measure()
    report.update(**results)
    print(f"health checks, one core, Linux {platform.release()}, Python {platform.python_version()}")
    for key, value in results.items():
        print(f"{key.removeprefix('health_').replace('_', ' '):28s} {value:8g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
