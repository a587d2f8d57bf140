"""Plans are read in pipelines and pull requests, by many: the secrets in `logging` are not in them. That one
changed is said, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from vc5c.plan.changes import ABSENT, Attribute, Change

_SECRETS = ("slack", "teams", "password", "api_key", "url")
_SHOWN = "***"
_OTHER = "*** (another)"


def without_secrets(change: Change) -> Change:
    if (change.object.kind, change.object.name) != ("setting", "logging"):
        return change
    return replace(change, attributes=tuple(map(_attribute, change.attributes)))


def _attribute(attribute: Attribute) -> Attribute:
    old, new = attribute.old, attribute.new
    return Attribute(attribute.name, _hide(old, old), _hide(new, new if old is ABSENT else old))


def _hide(value: Any, before: Any, key: str = "") -> Any:
    """before: what stood there; a secret that is another one says so."""
    if isinstance(value, Mapping):
        earlier = before if isinstance(before, Mapping) else {}
        hidden = (_hide(inner, earlier.get(each), each) for each, inner in value.items())
        return dict(zip(_keys(value, earlier), hidden, strict=True))
    if key in _SECRETS and isinstance(value, str):
        return _SHOWN if value == before else _OTHER
    return value


def _keys(value: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """VC5 has webhooks by URL: their hosts, numbered."""
    return [
        f"{number}: {_host(key)} {_SHOWN if key in before else _OTHER}" if "://" in key else key
        for number, key in enumerate(value, 1)
    ]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
