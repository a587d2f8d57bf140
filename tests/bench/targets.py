"""What the data path is to cost at most, beside what it does; in ratios of one run, since machines differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

HASH_HIT = 31.0  # ns, on the machine that the absolute targets were set for
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
    hit, services = ns["hash_hit_ns"], ns["services_1_on_1_ns"]
    yield Target("established, 64k flows: times one flow", some / one, 1.2)
    yield Target("established, 1m flows: times one flow", ns["established_1m_ns"] / one, 1.3)
    yield Target("new flow: times an established one", ns["new_flow_ns"] / one, 1.2)
    yield Target("established: nanoseconds", one, 25)
    yield Target("established: times a hit in a hash map", one / hit, 25 / HASH_HIT)
    yield Target("pass: nanoseconds", ns["pass_ns"], 12)
    yield Target("pass: times a hit in a hash map", ns["pass_ns"] / hit, 12 / HASH_HIT)
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
