"""The sinks that the document asks for: made, given every event, replaced when they are configured anew,
ended.

What is waiting in a sink that is replaced goes to its successor. A sink that cannot be used, say for want of
its secret, is said to be off, and nothing else suffers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import log
from ..errors import Vc5Error
from . import syslog
from .config import Elastic, Logging, Webhook, check_url
from .elastic import ElasticSink
from .pump import Pump
from .secret import Hidden
from .sink import Sink
from .told import Told
from .webhook import WebhookSink

STOP = 3.0  # s for what waits when vc5d ends, or a sink is replaced
_GRAVEST = 3  # syslog's number for the gravest events that there are: errors


async def _nothing() -> None:
    pass


@dataclass(frozen=True)
class _Ready:
    """identity: all that decides how it is, secrets and certificates too. make: in the loop. close:
    afterwards."""

    identity: object
    make: Callable[[], Sink]
    close: Callable[[], Coroutine[Any, Any, None]] = _nothing


@dataclass
class _Running:
    ready: _Ready
    sink: Sink


class Sinks:
    """Make it inside the running loop. `probes`: whether each probe is to be told."""

    def __init__(self) -> None:
        self.probes = False
        self._running: dict[str, _Running] = {}
        self._off: dict[str, str] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._number = 0
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._unsubscribe = log.subscribe(self._hear, probes=True)

    async def follow(self, logging: Logging) -> None:
        """From now on those. Secrets are read again. Never raises: what cannot be is logged."""
        for key in logging.unknown:
            log.warning("logging.unknown", key=key)
        wanted: dict[str, Webhook | Elastic | None] = {each.name: each for each in logging.webhooks}
        if logging.elastic:
            wanted["elasticsearch"] = logging.elastic
        if logging.syslog and not (syslog.is_the_journal() and log.is_journal()):
            wanted["syslog"] = None
        self._off = {}
        ready: dict[str, _Ready] = {}
        for name, config in wanted.items():
            try:
                ready[name] = await asyncio.to_thread(_prepare, name, config)
            except Vc5Error as failure:
                self._off[name] = failure.message
                log.error("sink.off", sink=name, error=failure.message, hint=failure.hint)
        self._replace(ready)
        self.probes = logging.probes
        _warn_of_silence(logging)

    def status(self) -> dict[str, dict[str, Any]]:
        """Of each sink by name. No secrets."""
        found: dict[str, dict[str, Any]] = {
            name: {"queued": 0, "sent": 0, "dropped": 0, "last_error": why} for name, why in self._off.items()
        }
        for name, running in self._running.items():
            found[name] = {"queued": running.sink.queued, **vars(running.sink.counts)}
        return found

    async def stop(self) -> None:
        """Sends what waits, for STOP seconds at most."""
        self._unsubscribe()
        running, self._running = self._running, {}
        await asyncio.gather(*(_end(each) for each in running.values()), *self._ending)

    def _replace(self, ready: Mapping[str, _Ready]) -> None:
        old, self._running = self._running, {}
        for name, each in ready.items():
            before = old.get(name)
            if before and before.ready.identity == each.identity:
                self._running[name] = old.pop(name)
                self._keep(each.close())
                continue
            self._running[name] = _Running(each, each.make())
            if before:
                self._running[name].sink.succeed(before.sink)
        for gone in old.values():
            self._keep(_end(gone))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Of sinks that are no more: ended in a task of its own, waited for at the end."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _hear(self, event: str, level: str, values: Mapping[str, object], when: float) -> None:
        """In whichever thread the event is told."""
        if not self._running:
            return
        told = Told.of(event, level, values, when, 0)
        if threading.get_ident() == self._thread:
            self._offer(told)
        else:
            self._loop.call_soon_threadsafe(self._offer, told)

    def _offer(self, event: Told) -> None:
        self._number += 1
        event = replace(event, number=self._number)
        about = event.values.get("sink") if event.name.startswith("sink.") else None
        for name, running in self._running.items():
            if name != about:  # or its trouble would make it more
                running.sink.offer(event)


async def _end(running: _Running) -> None:
    await running.sink.stop(STOP)
    await running.ready.close()


def _prepare(name: str, config: Webhook | Elastic | None) -> _Ready:
    """In a thread of its own: it reads files. Raises Vc5Error."""
    if isinstance(config, Webhook):
        return _prepare_webhook(config)
    if isinstance(config, Elastic):
        return _prepare_elastic(config)
    sink = syslog.SyslogSink()
    return _Ready("syslog", lambda: Pump(name, sink.send, Hidden(())), sink.close)


def _prepare_webhook(config: Webhook) -> _Ready:
    where = f"logging.{config.name}"
    url = config.url.read(where)
    check_url(url, where)
    return _Ready((config, url), lambda: WebhookSink(config.name, config.type, config.level, url))


def _prepare_elastic(config: Elastic) -> _Ready:
    where = "logging.elasticsearch"
    password, api_key = (each.read(where) if each else "" for each in (config.password, config.api_key))
    sink = ElasticSink(config, password, api_key)
    secrets = [each for each in (password, api_key) if each] + [f"{config.username}:{password}"] * bool(
        password
    )
    try:
        ca = Path(config.ca).read_bytes() if config.ca else b""
    except OSError as failure:
        raise Vc5Error(f"{where}.ca: {config.ca}: {failure.strerror}") from None
    identity = (config, password, api_key, ca)
    return _Ready(identity, lambda: Pump("elasticsearch", sink.send, Hidden(secrets)), sink.close)


def _warn_of_silence(logging: Logging) -> None:
    for each in logging.webhooks:
        if each.level < _GRAVEST:
            log.warning(
                "sink.silent",
                sink=each.name,
                hint=f"its level is {each.level}: an error is 3, a warning 4, info 6",
            )
