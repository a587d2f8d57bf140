"""The interfaces that the program runs on: attached at start, one at a time, since attaching stuns some NICs
for a moment; and again when one that went away is back, or somebody has detached the program.

An interface is known by its index, for as long as that lives: it may be renamed.
"""

from __future__ import annotations

import socket

from .. import log
from ..errors import Vc5Error
from ..plane import Dataplane, PlaneThread
from .ethtool import driver, turn_off_receive_offloads


class Interfaces:
    """`modes`: by the name from the command line, "" while the program is not there. `bare`: of those, the
    ones that are there without the program, where packets for a VIP would go to the host's own stack."""

    def __init__(self, plane: PlaneThread, dataplane: Dataplane, names: tuple[str, ...], mode: str) -> None:
        self._plane, self._dataplane, self._mode = plane, dataplane, mode
        self.modes: dict[str, str] = dict.fromkeys(names, "")
        self.bare: frozenset[str] = frozenset()
        self._indexes: dict[str, int] = {}  # of those that have the program; 0: it is gone
        self._refused: dict[str, str] = {}  # why; what has been logged
        self._unpinned = ""  # why the pins are not there; what has been logged

    async def attach(self) -> None:
        """All of them. Raises Vc5Error."""
        for name in self.modes:
            await self._attach(name)
        await self._look()

    async def mend(self) -> bool:
        """Attaches again where the program is no more and the interface is there. Whether that changed
        anything; what fails is logged, and tried again at the next call."""
        await self._keep_pins()
        missing = await self._look()
        known = {name for _, name in socket.if_nameindex()}
        refused = {}
        for name in missing:
            if self.modes[name]:
                self.modes[name] = ""
                log.error("interface.lost", interface=name, there="yes" if name in known else "no")
            if name not in known:
                continue
            try:
                await self._attach(name)
            except Vc5Error as failure:
                refused[name] = failure.message
                if self._refused.get(name) != failure.message:
                    log.error("interface.refused", interface=name, error=failure.message)
        self._refused = refused
        before, self.bare = self.bare, frozenset(refused)
        mended = bool(missing) and await self._look() != missing
        return mended or before != self.bare

    async def _keep_pins(self) -> None:
        """Without its pins the program would end with this process."""
        failure = ""
        try:
            if await self._plane.look(self._dataplane.keep_pins):
                log.warning("pins.restored", then="somebody had removed them")
        except (Vc5Error, OSError) as refused:
            failure = str(refused)
            if failure != self._unpinned:
                log.error("pins.lost", error=failure, then="tried again every second")
        self._unpinned = failure

    def names_now(self) -> frozenset[str]:
        """What the interfaces with the program are called at this moment; and those that will have it as soon
        as they are back, so that the first frame out of them is right."""
        missing = {name for name, index in self._indexes.items() if not index}
        return frozenset(
            name
            for index, name in socket.if_nameindex()
            if index in self._indexes.values() or name in missing
        )

    async def _look(self) -> set[str]:
        """Asks the kernel where the program is; the names of those that it is not on."""
        self._indexes = await self._plane.look(self._ask)
        return {name for name, index in self._indexes.items() if not index}

    def _ask(self) -> dict[str, int]:
        return {name: self._dataplane.attached_to(name) for name in self.modes}

    async def _attach(self, name: str) -> None:
        try:
            changed = turn_off_receive_offloads(name)
        except OSError as failure:
            log.warning("interface.offload", interface=name, error=failure.strerror)
        else:
            if changed:
                log.info("interface.offload", interface=name, off=",".join(changed))
        self.modes[name] = await self._plane.do(self._dataplane.attach, name, self._mode)
        log.info("interface.attached", interface=name, mode=self.modes[name])
        self._warn(name, self.modes[name])

    def _warn(self, name: str, mode: str) -> None:
        if self._mode not in ("auto", mode):
            log.warning(
                "interface.mode",
                interface=name,
                mode=mode,
                wanted=self._mode,
                needed="vc5d --uninstall first: a program that is attached keeps its mode",
            )
        if mode == "native" and driver(name) == "veth":
            log.warning(
                "interface.veth",
                interface=name,
                needed="--mode generic, or XDP at the veth's other end and no tx offloads around it: "
                "what is forwarded may be lost",
            )
