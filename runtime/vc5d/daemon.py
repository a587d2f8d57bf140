"""The daemon, from start to SIGTERM. What each part does is in its own module; here is when.

What it leaves behind: at SIGTERM the routes are withdrawn, so that routers send nothing more here (unless
systemd restarts it: handover.py), and the rules for health checks are removed; the XDP program stays attached
and keeps forwarding what still arrives. The next vc5d takes it over. `vc5d --uninstall` removes it. After
kill -9 the kernel withdraws the routes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import log
from .activity import Activity
from .announce.announcing import Announcing
from .announce.bird_client import read_sessions
from .announce.routes import Announcer
from .announce.vips import Circumstances, Vips
from .document import Document, ServiceKey
from .errors import Vc5Error
from .fleet.report import Opinion
from .fleet.running import Parts, RunningFleet, shares
from .health.checks import Name
from .health.plans import Plans
from .health.probers import Probed
from .loading.loading import Loading
from .loop.collecting import kept, let_go, settle
from .loop.supervise import cancel, start
from .network.interfaces import Interfaces
from .network.netlink import open_netlink
from .network.sight import Lookout
from .operator.answers import Answers, Live
from .operator.control import Command, Control
from .operator.draining import Draining
from .operator.drains import DrainFile
from .operator.reload import Reloads
from .operator.status import DaemonSide
from .options import Options
from .plane import Dataplane, OpenDataplane, PlaneThread
from .reals import Reals, Told
from .sharing.link import Files, Sharing
from .sharing.link import Told as Peers
from .sinks.manager import Sinks
from .systemd import notify
from .systemd.watchdog import Watchdog
from .tracing.tracers import Tracers
from .traffic import Traffic
from .web.listen import chosen
from .web.options import webroot
from .web.server import Content, Web
from .xdp.layout import RealState

_TICK = 1.0  # s
_SWITCH = 0.0001  # s that the event loop waits for a thread that computes, at each call into the kernel
_BUDGET_NS = 300_000  # of upkeep at a stretch: a change of health waits no longer


class Daemon:
    """`open_dataplane` is given by tests; it is the real one otherwise. seed_file: of the secret seed. tun:
    the descriptor of the device that the vc5d before has left, with what it had announced."""

    def __init__(
        self,
        options: Options,
        open_dataplane: OpenDataplane,
        seed_file: Path | None = None,
        tun: int | None = None,
    ) -> None:
        self.options = options
        self._tun = tun
        self._open_dataplane = open_dataplane
        self._loading = Loading(options.document, seed_file)
        self._plane = PlaneThread()
        self._activity = Activity()
        self._reloads = Reloads(
            lambda: self._document.digest, self._replace_document, self._activity.reloaded
        )
        self._vips = Vips(sides=lambda key: self._reals.sides(key))  # noqa: PLW0108 - made later
        self._tracers = Tracers(self._plane, lambda: self._dataplane)
        self._watchdog = Watchdog()
        self._started_at = time.time()
        self._answers = Answers()
        self._stop = asyncio.Event()
        self._spawned: set[asyncio.Task[None]] = set()
        self._defect: BaseException | None = None

    async def run(self) -> None:
        """Returns after SIGTERM or SIGINT. Raises Vc5Error when it cannot start, or a part of it failed."""
        self._task = asyncio.current_task()
        sys.setswitchinterval(_SWITCH)
        settle()
        self._listen_to_signals()
        unsubscribe = log.subscribe(self._activity.on_event)
        try:
            await self._live()
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
            log.info("stopped", ready="not yet")
        finally:
            unsubscribe()
        if self._defect is not None:
            raise Vc5Error(f"vc5d ended by a defect: {self._defect!r}", "the log says where")

    async def _live(self) -> None:
        self._loaded = await self._loading.first()
        self._document = self._loaded.document
        async with AsyncExitStack() as running:
            running.callback(self._plane.close)
            await self._start_control(running)
            self._sinks = Sinks()
            running.push_async_callback(self._sinks.stop)
            await self._sinks.follow(self._loaded.logging)
            self._netlink = await running.enter_async_context(open_netlink())
            await self._start_announcer(running)
            await self._start_dataplane(running)
            await self._start_reals(running, self._loaded.plans)
            self._start_sharing()
            self._start_background(running)
            asyncio.get_running_loop().call_later(self._learning(), self._announcing.changed)
            self._answers.live = self._live_parts()
            notify.ready()
            log.info("ready", document=self.options.document, digest=self._document.digest)
            settle()
            self._reloads.accept()
            await self._stop.wait()
            self._answers.live = None
            self._reloads.refuse()
            if self._defect is None:
                await self._announcing.hand_over()
            notify.stopping()
            log.info("stopping", forwarding="goes on: the program stays attached")

    # Start

    async def _start_control(self, running: AsyncExitStack) -> None:
        """First of all: it finds another vc5d before anything of that one's is touched."""
        answers, changing = self._answers, self._changing()
        commands = {"status": answers.status, "flows": answers.flows, **changing}
        control = Control(self.options.socket, commands, {"trace": answers.trace}, logged=changing)
        await control.start()
        running.push_async_callback(control.stop)

    def _changing(self) -> dict[str, Command]:
        """What an operator may have changed, by vc5ctl or on the console."""
        return {
            "reload": lambda _: self._reloads.reload(),
            "drain": lambda request: self._answers.operated(self._draining.drain, request),
            "undrain": lambda request: self._answers.operated(self._draining.undrain, request),
        }

    async def _start_announcer(self, running: AsyncExitStack) -> None:
        announcer = None
        if self.options.announce:
            own = await running.enter_async_context(open_netlink())  # waits behind no thousand questions
            announcer = Announcer(own, self.options.tun, self.options.table, self._tun)
            running.push_async_callback(announcer.stop)
            await announcer.start()
        self._announcing = Announcing(announcer, self._vips_to_announce, self.options.grace)

    async def _start_dataplane(self, running: AsyncExitStack) -> None:
        """Adopt what is pinned or load; then the document, then the interfaces. A fresh program that does not
        get so far is removed."""
        options = self.options

        def open_() -> None:  # cancelled meanwhile, it is open all the same, and closed in the end
            self._dataplane: Dataplane = self._open_dataplane(options.pin_dir, options.object, self._document)
            opened.append(self._dataplane)

        async def close() -> None:
            for dataplane in opened:
                if not dataplane.adopted and not attached:
                    await self._plane.do(dataplane.uninstall)
                await self._plane.do(dataplane.close)

        opened: list[Dataplane] = []
        attached = False
        running.push_async_callback(close)
        await self._plane.do(open_)
        log.info("dataplane.adopted" if self._dataplane.adopted else "dataplane.loaded", pins=options.pin_dir)
        states = await self._plane.do(self._dataplane.states) if self._tun is not None else {}
        self._handed = {name: state == RealState.ACCEPTING for name, state in states.items()}
        await self._apply(self._document)
        self._fleet = await self._join_fleet()
        self._traffic = Traffic(self._plane, self._dataplane, self._fleet.summed)
        await self._traffic.follow(self._document)
        self._interfaces = Interfaces(self._plane, self._dataplane, options.interfaces, options.mode)
        await self._interfaces.attach()
        attached = True

    async def _start_reals(self, running: AsyncExitStack, plans: Plans) -> None:
        self._reals = Reals(
            self._netlink,
            self._plane,
            self._dataplane,
            self._interfaces.names_now,
            Told(self._reals_changed, self._failed, self._is_drained, self._on_probe, self._opinion),
        )
        self._draining = Draining(
            DrainFile(self.options.state_dir),
            lambda: self._document,
            self._reals.condition,
            lambda: self._announcing.announced,
            self._apply_drains,
        )
        await self._reals.start(running, self._handed)
        await self._reals.follow(self._document, plans)

    # The fleet

    async def _join_fleet(self) -> RunningFleet:
        """Before anything of it is started: whom others say what of."""
        accepting = None
        if self._dataplane.adopted:
            accepting = frozenset(await self._plane.do(self._dataplane.accepting))
        return RunningFleet(self._document, shares=shares(self._document), accepting=accepting)

    def _start_sharing(self) -> None:
        options = self.options
        files = Files(options.pin_dir, options.object, options.fleet)
        peers = Peers(self._fleet.heard, self._fleet.serve)
        self._sharing = Sharing(self._netlink, self._plane, self._dataplane, files, peers)
        self._share()
        parts = Parts(
            self._plane,
            self._dataplane,
            self._reals,
            changed=self._announcing.changed,
            applied=self._share,
            spawn=self._spawn,
        )
        self._fleet.begin(parts, self._sharing)

    def _share(self) -> None:
        """By the live document, which may be another, or have been so for a moment."""
        self._sharing.follow(self._document)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside all else; it may end, but not by a defect."""

        def ended(task: asyncio.Task[None]) -> None:
            self._spawned.discard(task)
            if not task.cancelled() and (failure := task.exception()):
                self._failed(failure)

        task = asyncio.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(ended)

    async def _end_spawned(self) -> None:
        """While what they work with is still there."""
        for task in list(self._spawned):
            await cancel(task)

    def _reals_changed(self) -> None:
        self._announcing.changed()
        self._fleet.something_changed()

    def _start_background(self, running: AsyncExitStack) -> None:
        """Ended in reverse order: first these, then the routes are withdrawn, then a reload that is under way
        gets to its end, and all the rest after that: as long as traffic may come, others are told of it."""
        running.push_async_callback(cancel, start(self._sharing.run_for_ever(), self._failed))
        running.push_async_callback(self._end_spawned)
        running.callback(lambda: self._fleet.say_farewell(restarting=self._announcing.handed_over))
        running.push_async_callback(cancel, start(self._fleet.for_ever(), self._failed))
        running.push_async_callback(self._reloads.finish)
        running.push_async_callback(self._announcing.stop)
        running.callback(self._tracers.close)
        self._watchdog.turned()
        self._lookout = Lookout(self._plane, self._dataplane, self._interfaces.names_now)
        works: list[Coroutine[Any, Any, None]] = [
            self._tracers.for_ever(),
            self._watchdog.for_ever(),
            self._tick_for_ever(),
            self._lookout.for_ever(),
            self._announcing.for_ever(),
            self._reals.follow_moves_for_ever(),
        ]
        works += self._web()
        for work in works:
            running.push_async_callback(cancel, start(work, self._failed))

    def _web(self) -> list[Coroutine[Any, Any, None]]:
        """Console and metrics, on each address where they are wanted."""
        console, options = self.options.console, self._document.options
        wanted = [chosen(self.options.web, options.get("webserver")), console.socket]
        if not any(wanted):
            return []
        web = Web(
            Content(
                status=lambda: self._answers.status({}),
                activity=self._activity,
                prefixes=self._answers.prefixes,
                bird=lambda: read_sessions(console.bird),
                commands=self._changing(),
                token=console.token,
                webroot=webroot(options.get("webroot")),
                real_metrics=console.real_metrics,
                counts=self._answers.counts,
            )
        )
        return [web.feed.run_for_ever(), *(web.serve_for_ever(each) for each in wanted if each)]

    def _failed(self, failure: BaseException) -> None:
        """A part ended that never should. Then vc5d ends as well, and its manager starts it anew."""
        log.defect("background.defect", failure)
        self._defect = self._defect or failure
        self._end()

    def _end(self) -> None:
        """In the middle of a start, what is done so far is undone."""
        if self._task and self._answers.live is None and not self._stop.is_set():
            self._task.cancel()
        self._stop.set()

    def _listen_to_signals(self) -> None:
        """First of all: the system's own way to end a process at a signal leaves things half done."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        for number in (signal.SIGHUP, signal.SIGUSR2):
            loop.add_signal_handler(number, self._reloads.at_signal)

    # Documents

    async def _apply(self, document: Document) -> None:
        report = await self._plane.do(kept, self._dataplane.apply, document)
        self._live_since = time.time()
        log.debug("dataplane.applied", digest=document.digest, report=report)

    async def _replace_document(self) -> None:
        loaded = await self._loading.next(self._loaded)
        document = loaded.document
        await self._apply(document)
        pieces = self._loaded.pieces()
        self._document, self._loaded = document, loaded
        self._share()
        await self._reals.follow(document, loaded.plans)
        await self._fleet.follow(document, shares=shares(document))
        await self._traffic.follow(document)
        await self._sinks.follow(loaded.logging)
        settle()
        await asyncio.to_thread(let_go, pieces)

    # What runs all the time

    async def _tick_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begin = loop.time()
            if await self._interfaces.mend():
                self._reals.moved()
                self._announcing.look_again()
            up = {vip: state.up for vip, state in self._vips.states.items()}
            if relieved := await self._traffic.every_second(up, self._reals.would_accept):
                await self._reals.judge(relieved)
            while (left := begin + _TICK - loop.time()) > 0:
                now_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
                wait = await self._plane.do(self._dataplane.tick, now_ns, _BUDGET_NS)
                self._watchdog.turned()
                await asyncio.sleep(min(wait, left))

    async def _vips_to_announce(
        self, announced: frozenset[str]
    ) -> tuple[frozenset[str], frozenset[str], float]:
        """Those to announce, those of them that are leaving, and how long it took to decide."""
        document = None
        while document is not self._document:  # another one may come meanwhile
            document = self._document
            now = Circumstances(announced, self._draining.now, self._interfaces.bare, self._learning())
            states = await self._vips.decide(document, self._reals.condition, now)
        wanted = frozenset(vip for vip, state in states.items() if state.announce)
        return wanted, frozenset(vip for vip in wanted if states[vip].leaving), self._vips.took

    def _learning(self) -> float:
        """Seconds until VIPs that are not announced yet may be."""
        return self._fleet.learning()

    # What others ask for

    def _on_probe(self, probed: Probed) -> None:
        self._activity.on_probe(probed)
        if self._sinks.probes:
            log.probe(
                service=probed.service,
                real=probed.real,
                check=f"{probed.check.type}:{probed.check.port}",
                ok=probed.ok,
                reason=probed.reason,
                seconds=round(probed.seconds, 6),
            )

    def _opinion(self, name: Name) -> Opinion:
        """Of the fleet, or by its loads."""
        opinion = self._fleet.opinion(name)
        return replace(opinion, held=True) if self._traffic.is_relieved(*name) else opinion

    def _is_drained(self, key: ServiceKey, address: str) -> bool:
        return self._draining.now.real(key, address)

    async def _apply_drains(self) -> None:
        await self._reals.drains_changed()
        self._announcing.changed()

    def _live_parts(self) -> Live:
        return Live(
            self._plane, self._dataplane, self._reals, self._tracers, lambda: self._document, self._side
        )

    def _side(self) -> DaemonSide:
        """Of the status what is neither of the kernel nor of the reals."""
        return DaemonSide(
            started=self._started_at,
            document=self.options.document,
            interfaces=self._interfaces.modes,
            announced=self._announcing.announced,
            vips=self._vips.states,
            drained=self._draining.now,
            reload_failure=self._reloads.failure,
            live=self._live_since,
            sinks=self._sinks.status(),
            unseen_since=self._lookout.sight.unseen_since,
            sharing=self._sharing.status(),
            fleet=self._fleet.status(),
        )
