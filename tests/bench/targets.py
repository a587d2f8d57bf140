"""What the data path is to cost at most, beside what it does; in ratios of one run, since machines differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import geometric_mean

# ns for a MAC swap, a hit in a hash map and one in an LRU map, on the machine that the targets in ns are for.
MACHINE = (3.0, 31.0, 32.0)
TUNNELS = ("ipip", "gre", "fou", "gue")


@dataclass(frozen=True)
class Target:
    """`found` and `most`: in the unit of `what`, times or nanoseconds."""

    what: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        return self.found <= self.most

    def __str__(self) -> str:
        return (
            f"{'met   ' if self.met else 'MISSED'} {self.what:58s} {self.found:6.2f}  at most {self.most:.2f}"
        )


def targets(ns: Mapping[str, float]) -> list[Target]:
    """`ns`: the data path's part of build/bench.json."""
    return list(_targets(ns))


def _targets(ns: Mapping[str, float]) -> Iterator[Target]:
    one, some = ns["established_1_ns"], ns["established_64k_ns"]
    services = ns["services_1_on_1_ns"]
    machine = geometric_mean([ns["floor_ns"], ns["hash_hit_ns"], ns["lru_hit_ns"]]) / geometric_mean(MACHINE)
    yield Target("established, 64k flows: times one flow", some / one, 1.2)
    yield Target("established, 1m flows: times one flow", ns["established_1m_ns"] / one, 1.3)
    yield Target("new flow: times an established one", ns["new_flow_ns"] / one, 1.2)
    for what, found, most in (("established", one, 25), ("pass", ns["pass_ns"], 12)):
        yield Target(f"{what}: ns", found, most)
        yield Target(f"{what}: ns, if MAC swap, hash and LRU hit took {MACHINE}", found / machine, most)
    yield Target("IPv6, established, 64k flows: times IPv4", ns["established6_64k_ns"] / some, 1.6)
    yield Target("10,000 services, traffic on 64: times one", ns["services_10000_on_64_ns"] / services, 2)
    for suffix in ("", "6"):
        beside = ns[f"established{suffix}_64k_ns"]
        found = {f"{name}{suffix}_over{over}": 0.0 for name in TUNNELS for over in (4, 6)}
        found = {name: ns[f"{name}_ns"] - beside for name in found}
        dearest = max(found, key=lambda name: found[name])
        family = "IPv6" if suffix else "IPv4"
        yield Target(f"the dearest tunnel of {family}, {dearest}: ns over layer 2", found[dearest], 60)
        yield Target(f"dscp, {family}: ns over layer 2", ns[f"dscp{suffix}_ns"] - beside, 60)
