"""`vc5ctl drain` and `undrain`: what is asked for is checked, kept, and carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from .. import log
from ..errors import Vc5Error
from ..health.verdict import Conditions, vip_faults
from .drains import DrainFile, Drains, Target, check_known

if TYPE_CHECKING:
    from ..document import Document


class Draining:
    """`now` is what is drained. document: the one that is live. announced: the VIPs that have their route.
    apply: called after each change, when it is kept."""

    def __init__(
        self,
        file: DrainFile,
        document: Callable[[], Document],
        conditions: Conditions,
        announced: Callable[[], frozenset[str]],
        apply: Callable[[], Awaitable[None]],
    ) -> None:
        """Raises Vc5Error when the file is there and cannot be used."""
        self.now: Drains = file.load()
        self._file, self._document, self._conditions = file, document, conditions
        self._announced, self._apply = announced, apply

    async def drain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """{"target": {…}, "force": bool}. Refuses what would withdraw a VIP, unless forced. Raises
        Vc5Error."""
        target = Target.of(request.get("target"))
        check_known(target, self._document())
        after = self.now.drain(target)
        if not request.get("force"):
            self._refuse_outage(target, after)
        await self._change(target, after, "drain")
        return {"target": str(target), "drained": self.now.listed()}

    async def undrain(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """{"target": {…}}. Raises Vc5Error when it is not drained."""
        target = Target.of(request.get("target"))
        await self._change(target, self.now.undrain(target), "undrain")
        return {"target": str(target), "drained": self.now.listed()}

    async def _change(self, target: Target, after: Drains, event: str) -> None:
        if after == self.now:
            return  # said again, as by a script
        self._file.save(after)
        self.now = after
        log.at("notice", event, target=target)
        await self._apply()

    def _refuse_outage(self, target: Target, after: Drains) -> None:
        """Too few reals would be left on a VIP that is well now."""
        before_, after_ = (
            vip_faults(self._document(), self._conditions, self._announced(), drains.real)
            for drains in (self.now, after)
        )
        if broken := sorted(after_.keys() - before_):
            raise Vc5Error(
                f"draining {target} would withdraw {', '.join(broken)}: {after_[broken[0]]}",
                "--force does it all the same",
            )
