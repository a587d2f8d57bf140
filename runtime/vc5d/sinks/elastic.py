"""Elasticsearch, by its own client (https://elasticsearch-py.readthedocs.io), which is imported only when
used.

Each event is a document with an identity of its own, made by `create`: one that is sent again because the
answer was lost is not there twice. Works with an index and with a data stream.
"""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import Vc5Error
from ..events import ecs
from .config import Elastic
from .delivery import Outcome
from .told import Told

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

_RUN = uuid.uuid4().hex[:16]
_THERE_ALREADY = 409
_TOO_LARGE = 413
_TIMEOUT = 8.0  # s


class ElasticSink:
    """Made in a thread of its own: importing the client and reading certificates takes a while. Raises
    Vc5Error."""

    def __init__(self, config: Elastic, password: str, api_key: str) -> None:
        self._index = config.index
        self._most = 1 << 30  # events of a request; less once a server said that it was too much
        self._client = _client(config, password, api_key)

    async def send(self, events: list[Told]) -> Outcome[list[Told]]:
        now, later = events[: self._most], events[self._most :]
        answer = await self._client.bulk(operations=list(operations(self._index, now)))
        if answer.meta.status == _TOO_LARGE:
            return self._too_large(events, now)
        if answer.meta.status >= 400:
            return Outcome(again=events, wait=True, why=f"HTTP {answer.meta.status}: {_reason(answer.body)}")
        return judge(now, answer.body, later)

    async def close(self) -> None:
        await self._client.close()

    def _too_large(self, events: list[Told], now: list[Told]) -> Outcome[list[Told]]:
        why = "HTTP 413: too much at once"
        if len(now) == 1:
            return Outcome(rejected=1, again=events[1:] or None, why=why)
        self._most = (len(now) + 1) // 2
        return Outcome(again=events)


def operations(index: str, events: Sequence[Told]) -> list[dict[str, Any]]:
    """The bulk request's lines: what to do, and the document, by turns."""
    lines: list[dict[str, Any]] = []
    for event in events:
        lines.append({"create": {"_index": index, "_id": f"{_RUN}-{event.number}"}})
        fields = ecs.fields(event.name, event.level, event.values, event.when)
        lines.append({**fields, "event.sequence": event.number})
    return lines


def judge(sent: list[Told], answer: Any, later: list[Told]) -> Outcome[list[Told]]:
    """What became of each, from the bulk answer: its `items` are in the order of the request."""
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list) or len(items) != len(sent):
        return Outcome(again=[*sent, *later], wait=True, why="the answer is not that of a bulk request")
    again, rejected, why = [], 0, ""
    for event, item in zip(sent, items, strict=True):
        result = item.get("create", {}) if isinstance(item, dict) else {}
        status = result.get("status", 500)
        if status < 300 or status == _THERE_ALREADY:
            continue
        why = why or f"HTTP {status}: {_reason(result)}"
        if status == 429 or status >= 500:
            again.append(event)
        else:
            rejected += 1
    left = [*again, *later] or None
    return Outcome(len(sent) - len(again) - rejected, rejected, left, why, wait=bool(again))


def _reason(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return f"{error.get('type', '')}: {error.get('reason', '')}"
    return str(error or "")


def _client(config: Elastic, password: str, api_key: str) -> AsyncElasticsearch:
    try:
        from elasticsearch import AsyncElasticsearch  # noqa: PLC0415 - big, and an extra
    except ImportError as failure:
        what = f"logging.elasticsearch: its client cannot be imported: {failure}"
        raise Vc5Error(what, "pip install 'vc5[elasticsearch]'") from None
    options: dict[str, Any] = {"api_key": api_key} if api_key else {}
    if config.username:
        options["basic_auth"] = (config.username, password)
    if any(each.startswith("https:") for each in config.addresses):
        options["ssl_context"] = _tls(config)
    client = AsyncElasticsearch(
        list(config.addresses), request_timeout=_TIMEOUT, max_retries=0, retry_on_timeout=False, **options
    )
    return client.options(ignore_status=tuple(range(400, 600)))


def _tls(config: Elastic) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.ca or None)
    except (OSError, ssl.SSLError) as failure:
        raise Vc5Error(
            f"logging.elasticsearch.ca: {config.ca}: {failure}", "a file of PEM certificates"
        ) from None
    if not config.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
