"""What has to be done now and then, a little at a time: transitions end, sessions are counted, flow tables
scanned.

Whoever calls `advance` decides how long it may take. Within a budget nothing waits for the kernel: what takes
long (reading the flow tables, grace periods) runs in a thread of its own, and steps in between are short.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..xdp.maps import Maps
from ..xdp.sampling import Sampling
from .state import FleetView, State
from .transition import Scan, Steps, end_transitions

IDLE = 1.0  # s: nothing is under way
AWAITING = 0.01  # s: something runs elsewhere
SURVEY_NS = 900_000_000  # each second, if that is when we are called
# After a scan or a survey this many times its own length without one: full tables take long.
SCAN_REST = 20
SURVEY_REST = 10


class Upkeep:
    """`scan_ns`: at least so long from one scan of the flow tables to the next. `fleet`: to be set."""

    def __init__(self, maps: Maps, sampling: Sampling, clock: Callable[[], int], scan_ns: int) -> None:
        self._maps, self._sampling, self._clock, self._scan_ns = maps, sampling, clock, scan_ns
        self._next_scan_ns = self._next_survey_ns = 0
        self._steps: Steps | None = None
        self._awaited: Future[Any] | None = None
        self._scan: Scan | None = None  # one that is being read
        self._thread: ThreadPoolExecutor | None = None
        self.entries: dict[str, int] = {}  # of each flow table, as of the last scan
        self._inline = True
        self.fleet = FleetView()

    def advance(self, state: State, now_ns: int, budget_ns: int | None) -> float:
        """Does what is due, for `budget_ns` (a step more at most); None: to the end, waiting where it must.
        After how many seconds to call again."""
        begin, self._inline = self._clock(), budget_ns is None
        if self._steps is None:
            self._steps = self._turn(state, now_ns)
        while self._ready(wait=self._inline):
            try:
                self._awaited = next(self._steps)
            except StopIteration:
                self._steps = None
                return IDLE
            if budget_ns is not None and self._clock() - begin >= budget_ns:
                return 0
        return AWAITING

    def settle(self) -> None:
        """Before a plan is made: what was begun is ended, but a scan that is still being read is given up."""
        if self._scan:
            self._scan.abandon()
            self._steps = None
        self._inline = True
        while self._steps and self._ready(wait=True):
            try:
                self._awaited = next(self._steps)
            except StopIteration:
                self._steps = None
            if self._scan:  # it was begun just now
                self._scan.abandon()
                self._steps = None
        self._scan = self._awaited = None

    def close(self) -> None:
        """Returns when nothing of it runs any more."""
        self.settle()
        if self._thread:
            self._thread.shutdown()

    def _ready(self, wait: bool) -> bool:
        awaited = self._awaited
        if awaited and (wait or awaited.done()):
            self._awaited = None
            try:
                awaited.result()
            except BaseException:
                self._scan = self._steps = None  # what was not read must not be taken for not there
                raise
        return self._awaited is None

    def _turn(self, state: State, now_ns: int) -> Steps:
        yield from end_transitions(self._maps, state, now_ns, self._elsewhere, self.fleet)
        self._sampling.tick(now_ns)
        if now_ns >= self._next_survey_ns:
            took = self._timed(lambda: self._sampling.survey(state, now_ns))
            yield self._elsewhere(took)
            self._next_survey_ns = now_ns + max(SURVEY_NS, SURVEY_REST * took.ns)
        if now_ns >= self._next_scan_ns:
            self._scan = scan = Scan(self._maps, state, now_ns)
            took = self._timed(scan.read)
            yield self._elsewhere(took)
            self._scan = None
            self.entries = scan.entries
            yield from scan.finish(state, self._elsewhere)
            self._next_scan_ns = now_ns + max(self._scan_ns, SCAN_REST * took.ns)

    def _timed(self, call: Callable[[], None]) -> _Timed:
        return _Timed(call, self._clock)

    def _elsewhere(self, call: Callable[[], None]) -> Future[Any]:
        """At once if the caller has time, else in the thread."""
        if not self._inline:
            self._thread = self._thread or ThreadPoolExecutor(1, "upkeep")
            return self._thread.submit(call)
        done: Future[Any] = Future()
        call()
        done.set_result(None)
        return done


class _Timed:
    """A call; `ns` is how long it took."""

    def __init__(self, call: Callable[[], None], clock: Callable[[], int]) -> None:
        self._call, self._clock, self.ns = call, clock, 0

    def __call__(self) -> None:
        begin = self._clock()
        self._call()
        self.ns = self._clock() - begin
