"""What several steps ask of the fleet that runs: documents, digests, releases, ways to a VIP."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab import client, expect
from lab.balancer import SERVICE, Status
from lab.host import LabError, wait_until
from lab.plan import CLIENT, VIP
from lab.report import Report
from vc5c.hashing import secret_seed

from fleet.controller import Controller, Play
from fleet.fleet import Fleet
from fleet.machine import Box
from fleet.plan import BALANCERS, NAMES_OF_REALS, REALS
from fleet.watch import Watch, ways

EVERYONE = sorted(machine.name for machine in BALANCERS)


@dataclass
class Site:
    fleet: Fleet
    controller: Controller
    report: Report

    def box(self, name: str) -> Box:
        return self.fleet.boxes[name]

    @property
    def balancers(self) -> list[Box]:
        return [self.box(machine.name) for machine in BALANCERS]

    @property
    def reals(self) -> list[Box]:
        return [self.box(machine.name) for machine in REALS]

    def play(self, playbook: str, *options: str) -> Play:
        """It succeeds, which is a check. Raises LabError when it does not: the rest would mean nothing."""
        play = self.controller.play(playbook, *options)
        if play.code:
            raise LabError(f"{playbook} failed, see {self.controller.logs}: {play.troubles}")
        return play

    def status(self, box: Box) -> Status:
        return Status(json.loads(box.output("vc5ctl", "status", "--json")))

    def digests(self) -> set[str]:
        """Of the documents that are live; one, if all is well."""
        return {self.status(box).digest for box in self.balancers}

    def release(self, box: Box) -> str:
        """What the roles call the package that is installed."""
        return (box.root / "var/lib/vc5-fleet/installed").read_text().strip()

    def releases(self) -> dict[str, str]:
        return {box.name: self.release(box) for box in self.balancers}

    def table(self, service: str = SERVICE) -> expect.Table:
        document = expect.load(self.balancers[0].root / "etc/vc5/config.json")
        if document["seed"] == "secret":
            document["seed"] = secret_seed(self.controller.vault["vault_vc5_seed"].encode())
        return expect.table(document, service)

    def real_of(self, port: int) -> str:
        """Name of the server that the document's table gives a connection from this port to."""
        return NAMES_OF_REALS[self.table().real_of(CLIENT, port, VIP, 80)]

    def ports_of(self, each: int, first: int, reals: Iterable[str] = ()) -> list[int]:
        """The first source ports from `first` on such that each server is the owner of `each` of them."""
        table, found = self.table(), []
        wanted = dict.fromkeys(reals or [machine.name for machine in REALS], each)
        port = first
        while any(wanted.values()):
            real = NAMES_OF_REALS[table.real_of(CLIENT, port, VIP, 80)]
            if wanted.get(real):
                wanted[real] -= 1
                found.append(port)
            port += 1
        return found

    def ways(self, vip: str = VIP) -> list[str]:
        return ways(self.fleet.names, vip)

    def wait_ways(self, wanted: list[str], timeout: float, vip: str = VIP) -> float:
        """Seconds until the router spreads the VIP's packets over exactly these load balancers."""
        words = f"the router's ways to {vip} are {', '.join(wanted) or 'none'}"
        return wait_until(words, lambda: self.ways(vip) == wanted, timeout, every=0.05)

    def ask(self, ports: Iterable[int]) -> list[client.Answer]:
        return client.ask(self.fleet.names, ports)

    @contextmanager
    def load(self, first: int, each: int = 4) -> Iterator[tuple[client.Load, Watch]]:
        """Long-lived connections to every server, and new ones all the time; the router's ways meanwhile."""
        self.wait_ways(EVERYONE, 60)
        living = self.ports_of(each, first)
        new = range(max(living) + 1, max(living) + 5001)
        # Gentle, since it lasts for minutes: what is shown is that nothing breaks, not how much goes through.
        load = client.Load(self.fleet.names, living, new, new_pause=0.1, living_pause=0.5)
        with load, Watch(self.ways) as watch:
            yield load, watch

    def judge_load(self, load: client.Load, words: str) -> None:
        """None broken, none refused."""
        broken = [failure for failure in load.failures if failure.startswith("connection")]
        lived = len(load.lives) - len(broken)
        refused = len(load.failures) - len(broken)
        self.report.check(
            not load.failures and load.requests > 0,
            f"{words}: {load.requests} requests, {len(load.answers)} of them on new connections;"
            f" {refused} refused or lost, {lived} of {len(load.lives)} long-lived connections unbroken",
            "; ".join(load.failures[:3]),
        )
