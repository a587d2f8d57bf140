"""One round of a real's checks: each by the prober of its type, all at once, each in its own time."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .. import log
from . import dnsquery
from .checks import Check, Plan
from .connect import Connector
from .deadlines import Deadlines
from .failures import could_not_check, failed, no_answer
from .http import HttpProber
from .state import Result
from .target import Target

if TYPE_CHECKING:
    from ..document import ServiceKey

Probe = Callable[[Target, Check], Awaitable[Result]]

_STALLED = 0.1  # s: a timer that fires so late says that this process did not run, not that nobody answered


@dataclass(frozen=True)
class Probed:
    """One probe, for whoever logs them. ok: None: this host could not ask. seconds: how long it took."""

    service: ServiceKey
    real: str
    check: Check
    ok: bool | None
    reason: str
    seconds: float


OnProbe = Callable[[Probed], None]


class Directions(Protocol):
    """How to get there, and who is there: what marks.Paths and neighbors.Neighbors know."""

    def target(self, real: str, vip: str) -> Target | str:
        """A string says in words why the real cannot be reached."""

    def resolved(self, real: str) -> bool: ...

    def unasked(self, real: str) -> bool:
        """It is not resolved for a fault of this host."""


class Probers:
    """Every type of check. Make it inside the running loop; close() it in the end. on_probe: told of each
    probe, at once and in the event loop: it must not block."""

    def __init__(self, directions: Directions, on_probe: OnProbe | None = None) -> None:
        self._directions = directions
        self._on_probe = on_probe
        self._loop = asyncio.get_running_loop()
        _allow_descriptors()
        self._connector, self._deadlines = Connector(), Deadlines()
        http = HttpProber(self._connector)
        self._probes: dict[str, Probe] = {
            "http": http.probe,
            "https": http.probe,
            "syn": self._connector.probe,
            "tcp": self._connector.probe,
            "dns": dnsquery.probe,
        }

    async def close(self) -> None:
        self._connector.close()
        self._deadlines.close()

    async def round(self, plan: Plan) -> Result:
        """Never raises: whatever goes wrong is a result with its reason."""
        target = self._directions.target(plan.path, plan.service.address)
        if isinstance(target, str):
            return Result(False, target)
        if not plan.checks:
            known = self._directions.resolved(plan.real)
            return Result(True, "its MAC is known (no checks)") if known else self._missing(plan.real)
        if len(plan.checks) == 1:
            return await self._one(target, plan.checks[0], plan)
        results = await asyncio.gather(*(self._one(target, check, plan) for check in plan.checks))
        return combine(plan.checks, results)

    def _missing(self, real: str) -> Result:
        if self._directions.unasked(real):
            return could_not_check("the kernel's neighbor table is full")
        return Result(False, "no neighbor: the real's MAC is not known")

    async def _one(self, target: Target, check: Check, plan: Plan) -> Result:
        started = self._loop.time()
        try:
            with self._deadlines.at(started + plan.timeout):
                result = await self._probes[check.type](target, check)
        except TimeoutError:
            result = self._unanswered(plan, self._loop.time() - started)
        except OSError as failure:
            result = failed(failure)
        except Exception as failure:  # a defect in one check must not end all the others
            log.defect("check.defect", failure)
            result = could_not_check(f"a defect of vc5d: {failure!r}")
        if self._on_probe:
            self._tell(Probed(plan.service, plan.real, check, *_parts(result), self._loop.time() - started))
        return result

    def _unanswered(self, plan: Plan, seconds: float) -> Result:
        if not self._directions.resolved(plan.real):  # the kernel's word, however busy vc5d is
            return self._missing(plan.real)
        if seconds - plan.timeout > _STALLED:
            return could_not_check("this host was too busy to look in time")
        return Result(False, no_answer(plan.timeout))

    def _tell(self, probed: Probed) -> None:
        assert self._on_probe
        try:
            self._on_probe(probed)
        except Exception as failure:  # whoever listens must not end the checks
            log.defect("check.listener", failure)
            self._on_probe = None


def _allow_descriptors() -> None:
    """Each check under way has one, and a process starts with 1,024 allowed of what it may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _parts(result: Result) -> tuple[bool | None, str]:
    return result.passed, result.reason


def combine(checks: tuple[Check, ...], results: list[Result]) -> Result:
    """Passes when all passed. A failure counts, whatever could not be checked beside it; its reason is the
    first one's, with its check when there are several."""
    for outcome in (False, None):
        for check, result in zip(checks, results, strict=True):
            if result.passed is outcome:
                reason = result.reason if len(checks) == 1 else f"{check.type} {check.port}: {result.reason}"
                return Result(outcome, reason)
    return Result(True, ", ".join(dict.fromkeys(result.reason for result in results)))
