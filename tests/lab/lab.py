"""The installation as a whole: who runs, on which document; and what several steps ask of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lab import bird, expect, nginx, topology
from lab.balancer import SERVICE, Balancer
from lab.host import Process, run, wait_until
from lab.plan import CLIENT, COMMANDS, REALS, VIP, Names

NAMES_OF_REALS = {address: real.name for real in REALS for address in (real.address, real.address6)}


class Lab:
    """One lab, from its namespaces up. `build` and the `start_…` functions raise LabError."""

    def __init__(self, names: Names, bonded: bool = False) -> None:
        self.names, self.bonded = names, bonded
        self.nginx: dict[str, Process] = {}
        self.router_bird: Process | None = None
        self.config = names.state / "config.yaml"
        self.document = names.state / "config.json"
        self.download_sha256 = ""
        self.bfd_multiplier = 3

    def build(self) -> None:
        """Namespaces, web servers and the router; the load balancers stay off."""
        self.names.state.mkdir(mode=0o755, exist_ok=True)
        topology.build(self.names, self.bonded)
        self.download_sha256 = nginx.prepare(self.names)
        for real in self.names.reals:
            self.start_nginx(real.name)
        self.router_bird = bird.start_bird(
            self.names, "router", bird.router_configuration(self.names, self.bfd_multiplier)
        )
        self.balancers = tuple(Balancer(self.names, host) for host in self.names.balancers)

    def start_nginx(self, real: str) -> None:
        host = next(host for host in self.names.reals if host.name == real)
        self.nginx[real] = nginx.start_nginx(self.names, host)

    def compile(self, config: Path) -> None:
        """YAML to document, by the command that a user runs."""
        self.config.write_text(config.read_text())
        self.document.write_text(run([COMMANDS / "vc5c", self.config]))

    def edit(self, add: str, drain: str) -> str:
        """The configuration with one real server more and another one marked as disabled; what changed."""
        before = self.config.read_text()
        last = re.findall(r"^ +- 10\.1\.20\.\d+$", before, re.MULTILINE)[-1]
        entry = last[: last.index("1")]
        after = before.replace(f"{entry}{drain}\n", f"{entry}{drain}*\n").replace(
            last, f"{last}\n{entry}{add}"
        )
        edited = self.names.state / "edited.yaml"
        edited.write_text(after)
        self.compile(edited)
        return f"{entry.strip()} {drain}*   {entry.strip()} {add}"

    def table(self) -> expect.Table:
        return expect.table(expect.load(self.document), SERVICE)

    def real_of(self, port: int, address: str = CLIENT) -> str:
        """Name of the server that the document's table gives a connection from this port to."""
        return NAMES_OF_REALS[self.table().real_of(address, port, VIP, 80)]

    def ports_of(self, reals: set[str], each: int, first: int, address: str = CLIENT) -> list[int]:
        """The first source ports from `first` on such that each server is the owner of `each` of them."""
        table, wanted, found = self.table(), dict.fromkeys(reals, each), []
        port = first
        while any(wanted.values()):
            real = NAMES_OF_REALS[table.real_of(address, port, VIP, 80)]
            if wanted.get(real):
                wanted[real] -= 1
                found.append(port)
            port += 1
        return found

    def next_hops(self, vip: str = VIP) -> list[str]:
        return bird.next_hops(self.names, vip)

    def wait_next_hops(self, wanted: list[str], timeout: float, vip: str = VIP) -> float:
        """Seconds until the router spreads the VIP's packets over exactly these gateways."""
        words = f"the router's next hops to {vip} are {' and '.join(wanted) or 'none'}"
        return wait_until(words, lambda: self.next_hops(vip) == sorted(wanted), timeout, every=0.005)

    def wait_paths(self, count: int, timeout: float, vip: str) -> float:
        """Seconds until the router has so many ways to the VIP."""
        words = f"the router has {count} ways to {vip}"
        return wait_until(words, lambda: len(self.next_hops(vip)) == count, timeout, every=0.005)

    def wait_both(self, what: str, ready: Callable[[Balancer], bool], timeout: float) -> float:
        """Seconds until it is so on every load balancer."""
        return wait_until(
            what, lambda: all(ready(balancer) for balancer in self.balancers), timeout, every=0.05
        )

    def retransmitted(self) -> int:
        """Segments that the client has sent a second time since it came up: what was lost on its way."""
        lines = run(["cat", "/proc/net/snmp"], netns=self.names.netns("client")).splitlines()
        head, values = (line.split()[1:] for line in lines if line.startswith("Tcp:"))
        return int(dict(zip(head, values, strict=True))["RetransSegs"])
