"""One round of a real's checks: each by the prober of its type, all at once, each in its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from .. import log
from . import tcp
from .checks import Check, Plan
from .http import HttpProber
from .state import Result
from .syn import SynProber
from .target import Target, no_answer

Probe = Callable[[Target, Check], Awaitable[Result]]


class Directions(Protocol):
    """How to get there, and who is there: what marks.Paths and neighbors.Neighbors know."""

    def target(self, real: str, vip: str) -> Target | str:
        """A string says in words why the real cannot be reached."""

    def resolved(self, real: str) -> bool: ...


class Probers:
    """Every type of check. Make it inside the running loop; close() it in the end."""

    def __init__(self, directions: Directions) -> None:
        self._directions = directions
        self._http = HttpProber()
        self._syn = SynProber()
        self._probes: dict[str, Probe] = {
            "http": self._http.probe,
            "https": self._http.probe,
            "syn": self._syn.probe,
            "tcp": tcp.probe,
        }

    async def close(self) -> None:
        self._syn.close()
        await self._http.close()

    async def round(self, plan: Plan) -> Result:
        """Never raises: whatever goes wrong is a failed check with its reason."""
        target = self._directions.target(plan.real, plan.vip)
        if isinstance(target, str):
            return Result(False, target)
        if not plan.checks:
            resolved = self._directions.resolved(plan.real)
            return Result(resolved, "answers ARP (no checks)" if resolved else "does not answer ARP")
        results = await asyncio.gather(*(self._one(target, check, plan.timeout) for check in plan.checks))
        return combine(plan.checks, results)

    async def _one(self, target: Target, check: Check, timeout: float) -> Result:
        try:
            async with asyncio.timeout(timeout):
                return await self._probes[check.type](target, check)
        except TimeoutError:
            return Result(False, no_answer(timeout))
        except Exception as failure:  # a defect in one check must not end all the others
            log.defect("check.defect", failure)
            return Result(False, f"the check itself failed: {failure!r}")


def combine(checks: tuple[Check, ...], results: list[Result]) -> Result:
    """Passes when all passed; else the first failure's reason, with its check when there are several."""
    for check, result in zip(checks, results, strict=True):
        if not result.passed:
            reason = result.reason if len(checks) == 1 else f"{check.type} {check.port}: {result.reason}"
            return Result(False, reason)
    return Result(True, ", ".join(dict.fromkeys(result.reason for result in results)))
