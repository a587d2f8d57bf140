"""How every real of a document is checked, service by service.

`compile_checks` refuses what this version cannot check: a check that is passed over in silence would
announce a VIP whose servers nobody looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import Vc5Error
from ..loop.courtesy import giving_way
from .checks import Check, Name, Plan, check_of, problem_of
from .state import Rule
from .ways import way_of

if TYPE_CHECKING:
    from ..document import Document, Service, ServiceKey
    from ..document.model import RealConfig

ByAddress = Mapping[str, Plan]


class Plans(Mapping[Name, Plan]):
    """By service and address. `by_service`: of a service that did not change it is the very object that the
    plans before had, so that whoever follows them passes over it at once: a document may have 100,000
    reals."""

    def __init__(self, by_service: Mapping[ServiceKey, ByAddress] | None = None) -> None:
        self.by_service: Mapping[ServiceKey, ByAddress] = by_service or {}

    @classmethod
    def of(cls, plans: Mapping[Name, Plan]) -> Plans:
        """The same in this form."""
        if isinstance(plans, Plans):
            return plans
        by_service: dict[ServiceKey, dict[str, Plan]] = {}
        for (key, address), plan in plans.items():
            by_service.setdefault(key, {})[address] = plan
        return cls(by_service)

    def beside(self, others: Mapping[Name, Plan]) -> Plans:
        """With `others` where these have none."""
        if not others:
            return self
        joined = dict(self.by_service)
        for key, its in Plans.of(others).by_service.items():
            joined[key] = {**its, **joined.get(key, {})}
        return Plans(joined)

    def __getitem__(self, name: Name) -> Plan:
        key, address = name
        return self.by_service[key][address]

    def __iter__(self) -> Iterator[Name]:
        return ((key, address) for key, its in self.by_service.items() for address in its)

    def __len__(self) -> int:
        return sum(map(len, self.by_service.values()))


def compile_checks(document: Document, before: Document | None = None, known: Plans | None = None) -> Plans:
    """The plan of each real. What is the very object that it was in `before` has the plan that is `known`:
    services as a whole, and reals. Raises Vc5Error naming every check that cannot be carried out."""
    by_service: dict[ServiceKey, ByAddress] = {}
    compiled = _Compiled()
    for key, service in giving_way(document.services.items()):
        former = before.services.get(key) if before else None
        plans = known.by_service.get(key) if known is not None else None
        if former is None or plans is None:
            by_service[key] = _plans(service, compiled, None, {})
        elif former is service:
            by_service[key] = plans
        else:
            by_service[key] = _plans(service, compiled, former, plans)
    if compiled.problems:
        raise _refusal(compiled.problems)
    return Plans(by_service)


def refuse_unknown(document: Document) -> None:
    """Raises Vc5Error as `compile_checks` does, for whoever needs no plans."""
    alike = _Compiled()  # one of those that are configured alike
    different = {id(real): (key, address, real) for key, address, real in _each_real(document)}
    for one in different.values():
        alike.checks(*one)
    if not alike.problems:
        return
    compiled = _Compiled()
    for one in _each_real(document):
        compiled.checks(*one)
    raise _refusal(compiled.problems)


def _each_real(document: Document) -> Iterator[tuple[ServiceKey, str, RealConfig]]:
    for key, service in document.services.items():
        for address, real in service.reals.items():
            yield key, address, real


class _Compiled:
    """Checks of each configuration of reals: most have the same one. problems: in words."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._known: dict[int, tuple[RealConfig, tuple[Check, ...], str]] = {}
        self._shared: dict[tuple[Check, ...], tuple[Check, ...]] = {}

    def checks(self, key: ServiceKey, address: str, real: RealConfig) -> tuple[Check, ...]:
        found = self._known.get(id(real))
        if found is None:
            checks = tuple(check_of(raw, real.port) for raw in real.checks)
            checks = self._shared.setdefault(checks, checks)
            problem = "; ".join(filter(None, map(problem_of, checks)))
            found = self._known[id(real)] = (real, checks, problem)  # the real: or its id would be another's
        if found[2]:
            self.problems.append(f"service {key}, real {address}: {found[2]}")
        return found[1]


def _plans(
    service: Service, compiled: _Compiled, former: Service | None, known: ByAddress
) -> dict[str, Plan]:
    """former: the service as it was, with the plans that are `known`."""
    key, health = service.key, service.health
    rule = Rule(health.threshold, health.window)
    alike = former is not None and (former.health, former.tunnel) == (health, service.tunnel)
    before: Mapping[str, Any] = former.reals if former is not None and alike else {}
    plans = {}
    for address, real in service.reals.items():
        plan = known.get(address) if before.get(address) is real else None
        if plan is None:
            checks, way = compiled.checks(key, address, real), way_of(service, address)
            plan = Plan(key, address, checks, rule, health.interval, health.timeout, way)
        plans[address] = plan
    return plans


def _refusal(problems: list[str]) -> Vc5Error:
    shown = "; ".join(problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return Vc5Error(
        f"this document cannot be checked as it asks: {shown}{more}", "change the YAML and compile it again"
    )
