"""The fleet of the failover lab: the lab at another size, with a crowd of clients and what is done to it."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from vc5d.ctl.ask import ask
from vc5d.errors import Vc5Error

from lab import switch
from lab.balancer import SERVICE, Balancer
from lab.expect import load
from lab.failover.crowd import Crowd
from lab.host import LabError, run, start, wait_until
from lab.lab import Lab
from lab.plan import BUILD, CLIENT, VIP, VLANS, Names, balancers, reals

CONFIG = Path(__file__).parent / "config.yaml"
BFD_MULTIPLIER = 10  # a second: a busy host must not look like a dead one
SPARE = "r14"  # not in the configuration at first
FIRST_PORT = 20000
STAGED_PORTS = range(2000, 10000)
VARIANTS = {
    "off": "",
    "full": "\n    track: full\n",
    "on": '\n\nmulticast: "239.1.1.1:9999"\nlearn: 10\n',
    "overload-on": '\n    overload: 60\n\nmulticast: "239.1.1.1:9999"\nlearn: 10\n',
    "full-on": '\n    track: full\n\nmulticast: "239.1.1.1:9999"\nlearn: 10\n',
}


def names_of(lab: str) -> Names:
    """Eight reals in use, and one to be added."""
    found = [real for real in reals(5) if real.name != "r24"]
    return Names(lab, balancers(4), tuple(found))


class Fleet(Lab):
    """`variant`: one of VARIANTS."""

    def __init__(self, names: Names, variant: str, connections: int) -> None:
        super().__init__(names)
        self.variant = variant
        self.ports = range(FIRST_PORT, FIRST_PORT + connections)
        self._staged = 0
        self.of_address = {real.address: real for real in names.reals}
        self.of_name = {real.name: real for real in names.reals}

    @property
    def shares(self) -> bool:
        return self.variant.endswith("on")

    def come_up(self) -> None:
        self.names.state.mkdir(mode=0o755, exist_ok=True)
        config = self.names.state / "variant.yaml"
        config.write_text(CONFIG.read_text().rstrip() + VARIANTS[self.variant] + "\n")
        self.compile(config)
        self.bfd_multiplier = BFD_MULTIPLIER
        self.build()
        self._listen_to_routes()
        for balancer in self.balancers:
            if self.shares:
                balancer.more = ["--fleet-key-file", self._key()]
            balancer.bird_options = ["--bfd-multiplier", str(BFD_MULTIPLIER)]
            balancer.roll_out(self.document)
            balancer.start_bird(self.config)
            balancer.start_vc5d()
        for balancer in self.balancers:
            balancer.wait_vc5d()
        self.wait_accepting(set(self.table().reals))
        self.wait_ways(self.balancers)
        self.crowd = Crowd(self.names, self.ports)
        self.crowd.wait_open(120)

    def _key(self) -> Path:
        key = self.names.state / "fleet.key"
        if not key.exists():
            key.write_text(secrets.token_hex(32) + "\n")
            key.chmod(0o600)
        return key

    def _listen_to_routes(self) -> None:
        log = self.names.state / "routes.log"
        start("the router's routes", ["ip", "monitor", "route"], log, self.names.netns("router"))

    def moves(self) -> int:
        """How often the router has changed the ways to the VIP so far."""
        text = (self.names.state / "routes.log").read_text()
        return sum(VIP in line for line in text.splitlines())

    def stop(self) -> None:
        if hasattr(self, "crowd"):
            self.crowd.stop()

    # Looking

    def reals_on(self, balancer: Balancer) -> dict[str, str]:
        """State by address; empty while it does not answer."""
        try:
            found = ask(balancer.socket, "status")["services"][SERVICE]["reals"]
        except (Vc5Error, KeyError):
            return {}
        return {address: real["state"] for address, real in found.items()}

    def slots_on(self, balancer: Balancer) -> dict[str, int]:
        return dict(ask(balancer.socket, "status")["services"][SERVICE]["slots"])

    def up(self) -> list[Balancer]:
        return [b for b in self.balancers if b.vc5d and b.vc5d.alive()]

    def wait_accepting(self, wanted: set[str], timeout: float = 90) -> float:
        def accepting(balancer: Balancer) -> bool:
            states = self.reals_on(balancer)
            return {address for address, state in states.items() if state == "accepting"} == wanted

        return self.wait_all(f"{len(wanted)} reals accept", accepting, timeout)

    def wait_all(self, what: str, ready: Callable[[Balancer], bool], timeout: float = 90) -> float:
        """Seconds until it is so on every load balancer that is up."""
        return wait_until(what, lambda: all(map(ready, self.up())), timeout, every=0.1)

    def wait_ways(self, wanted: Iterable[Balancer], timeout: float = 90) -> float:
        return self.wait_next_hops([balancer.host.address for balancer in wanted], timeout)

    def elsewhere(self) -> set[int]:
        """Ports of connections that are not with their slot's owner: the table cannot answer for them."""
        table, of_address = self.table(), self.of_address
        return {
            port
            for port, real in self.crowd.reals().items()
            if of_address[table.real_of(CLIENT, port, VIP, 80)].name != real
        }

    # Doing

    def stage(self, name: str) -> None:
        """Have connections that the table cannot answer for: those of one real begin anew elsewhere while it
        drains, and then it accepts again."""
        address = self.of_name[name].address
        accepting = set(self.reals_on(self.up()[0])) - {
            a for a, state in self.reals_on(self.up()[0]).items() if state != "accepting"
        }
        self._operate("drain", address)
        self.wait_accepting(accepting - {address})
        there = self.crowd.reals()
        fresh = self._ports_of(name, set(there))
        self.crowd.reopen({port: next(fresh) for port, real in there.items() if real == name})
        self.crowd.wait_open()
        self._operate("undrain", address)
        self.wait_accepting(accepting)
        time.sleep(1)  # what is to be told has been

    def _ports_of(self, name: str, used: set[int]) -> Iterator[int]:
        """Ports that nobody has, whose slots are this real's. Those used longest ago come first."""
        table = self.table()
        for _ in STAGED_PORTS:
            self._staged = (self._staged + 1) % len(STAGED_PORTS)
            port = STAGED_PORTS[self._staged]
            if port not in used and self.of_address[table.real_of(CLIENT, port, VIP, 80)].name == name:
                yield port

    def _operate(self, command: str, address: str) -> None:
        for balancer in self.up():
            try:
                ask(balancer.socket, command, target={"kind": "real", "real": address})
            except Vc5Error as error:
                raise LabError(f"{command} {address} on {balancer.name}: {error}") from None

    def crowd_on(self, name: str, connections: int) -> None:
        """So many connections of other reals begin anew at this one, which alone accepts meanwhile."""
        accepting = {a for a, state in self.reals_on(self.up()[0]).items() if state == "accepting"}
        alone = self.of_name[name].address
        for address in accepting - {alone}:
            self._operate("drain", address)
        self.wait_accepting({alone})
        there = self.crowd.reals()
        moving = [port for port, real in there.items() if real != name][:connections]
        fresh = self._ports_of(name, set(there))
        self.crowd.reopen({port: next(fresh) for port in moving})
        self.crowd.wait_open()
        for address in accepting - {alone}:
            self._operate("undrain", address)

    def change(self, add: str, drain: str) -> None:
        """One real more, and one that drains; live everywhere."""
        before = self.config.read_text()
        first, last = f"- {self.of_name[drain].address}\n", "- 10.1.20.13\n"
        after = before.replace(last, f"{last}      - {self.of_name[add].address}\n").replace(
            first, first.replace("\n", "*\n")
        )
        edited = self.names.state / "edited.yaml"
        edited.write_text(after)
        self.compile(edited)
        digest = load(self.document)["digest"]
        for balancer in self.balancers:
            balancer.roll_out(self.document)
        for balancer in self.up():
            balancer.reload()
        self.wait_all("the new document is live", lambda b: ask(b.socket, "status")["digest"] == digest)

    def kill_real(self, name: str) -> None:
        switch.cut(self.names, name)
        os.killpg(self.nginx[name].pid, signal.SIGKILL)  # with its workers
        self.nginx[name].popen.wait(timeout=10)

    def revive_real(self, name: str) -> None:
        switch.plug(self.names, name)
        self.start_nginx(name)

    def impair(self, section: str) -> None:
        """What load balancers say to each other is lost at the switch: "lossy", "split"; "": no more."""
        netns = self.names.netns(switch.NETNS)
        program = f"bpf direct-action obj {BUILD / 'lab/loss.bpf.o'} sec tc/{section}"
        devices = [f"{balancer.name}.{vlan}" for balancer in self.balancers for vlan in VLANS]
        lines = []
        for device in devices:
            if section and switch.has_8021q(netns):  # else the queue is there, for tags
                lines.append(f"qdisc replace dev {device} clsact")
            what = (
                f"add dev {device} egress pref 1 {program}" if section else f"del dev {device} egress pref 1"
            )
            lines.append(f"filter {what}")
        run(["tc", "-n", netns, "-batch", "-"], stdin="\n".join(lines))
