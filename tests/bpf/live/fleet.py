"""Documents, health and MACs of a load balancer under live traffic, through vc5d's own Dataplane.

The judge is told before a real may have packets, and after it may not: what is made in between is no fault.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey, read
from vc5d.xdp.layout import RealState

from ..packets import V4, V6
from .wire import BALANCER, Wire

ACCEPTING, DRAINING, DOWN = RealState.ACCEPTING, RealState.DRAINING, RealState.DOWN
KEYS = {4: ServiceKey(V4.vip, 80, "tcp"), 6: ServiceKey(V6.vip, 80, "tcp")}
COMPILER = Path(sys.executable).with_name("vc5c")
Real = tuple[int, int]  # IP version, number


def address(real: Real) -> str:
    version, number = real
    return f"10.1.10.{number}" if version == 4 else f"2001:db8:10::{number:x}"


def number_in_mac(real: Real) -> int:
    """A MAC's last byte, by which the judge knows a real."""
    version, number = real
    return number + (100 if version == 6 else 0)


def configuration(numbers: Sequence[int], lifetime: int, heavy: int = 0, seed: int = 0) -> str:
    """YAML with these reals, of each family; `heavy` has three times the weight."""
    lines = [
        "bgp: {as_number: 65000, peers: [10.1.10.200]}",
        "flow_lifetime: 6",
        f"seed: {seed}",
        "services:",
    ]
    for version, family in ((4, V4), (6, V6)):
        lines += [f"  - name: web{version}", f"    virtual: ['{family.vip}']", "    servers:"]
        lines += [f"      - '{address((version, number))}'" for number in numbers]
        if heavy in numbers:
            lines.append(f"    weights: {{'{address((version, heavy))}': 3}}")
        lines.append("    policy: {http: }")
    return "\n".join(lines) + "\n"


def compiled(folder: Path, name: str, text: str) -> Document:
    source, target = folder / f"{name}.yaml", folder / f"{name}.json"
    source.write_text(text)
    done = subprocess.run([COMPILER, source, "-o", target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return read(target)


class Fleet:
    """One load balancer of it. `states`: of the reals of the live document."""

    def __init__(self, wire: Wire, pin_dir: Path, object_path: Path, first: Document) -> None:
        self.wire = wire
        self.plane = Dataplane.open(pin_dir, object_path, first)
        self.plane.apply(first)
        self.states: dict[Real, RealState] = {}
        self.macs: dict[Real, int] = {}
        self._document = first
        self._enter(self._reals(first))
        assert self.plane.attach(BALANCER) == "native"

    @staticmethod
    def _reals(document: Document) -> set[Real]:
        found = set()
        for version, key in KEYS.items():
            separator = "." if version == 4 else "::"
            base = 10 if version == 4 else 16
            for name in document.tables[document.services[key].table].reals:
                found.add((version, int(name.rsplit(separator, 1)[1], base)))
        return found

    def _enter(self, reals: set[Real]) -> None:
        """Down until somebody says otherwise; only their MACs are known."""
        for real in sorted(reals):
            self.states[real] = DOWN
            self.set_mac(real, 0x11)
            self._forbid(real, first=True, any=True)

    def set_mac(self, real: Real, middle: int) -> None:
        """02 and four times `middle`, then the number."""
        self.macs[real] = middle
        mac = bytes([2, *[middle] * 4, number_in_mac(real)])
        self.plane.set_link(address(real), mac.hex(":"), 0)

    def set_state(self, real: Real, state: RealState) -> None:
        self._allow(real, first=state == ACCEPTING, any=state != DOWN)
        self.plane.set_state(KEYS[real[0]], address(real), state)
        self._forbid(real, first=state != ACCEPTING, any=state == DOWN)
        self.states[real] = state

    def reload(self, document: Document, state: RealState = ACCEPTING) -> None:
        """What leaves drains; what is new gets `state`."""
        before, after = self._reals(self._document), self._reals(document)
        for real in before - after:
            self._allow(real, first=False, any=True)
        self.plane.apply(document)
        for real in before - after:
            self._forbid(real, first=True, any=False)
            self.states.pop(real)
        self._document = document
        for real in sorted(after - before):
            self.set_mac(real, 0x11)
            self.set_state(real, state)

    def tick(self) -> None:
        self.plane.tick(time.monotonic_ns())

    def _allow(self, real: Real, first: bool, any: bool) -> None:
        ban = self.wire.bans[number_in_mac(real)]
        if first:
            ban["first"] = 0
        if any:
            ban["any"] = 0

    def _forbid(self, real: Real, first: bool, any: bool) -> None:
        """From now on, if it was not already."""
        ban, now = self.wire.bans[number_in_mac(real)], time.monotonic_ns()
        for name, wanted in (("first", first), ("any", any)):
            if wanted and not ban[name]:
                ban[name] = now

    def close(self) -> None:
        self.plane.uninstall()
        self.plane.close()


def some(r: random.Random, numbers: Sequence[int], least: int) -> list[int]:
    return sorted(r.sample(list(numbers), r.randint(least, len(numbers))))
