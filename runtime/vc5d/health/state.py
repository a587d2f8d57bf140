"""When a real counts as up: results in, condition out. No sockets, no clocks.

| now     | result           | the window then holds        | next                                   |
|---------|------------------|------------------------------|----------------------------------------|
| any     | could not check  | (not counted)                | as it was, with the reason             |
| unknown | the first other  |                              | up if it passed, else down; no window  |
| up      | passed or failed | `threshold` failures or more | down; no window                        |
| down    | passed or failed | `threshold` passes or more   | up; no window                          |
| either  | passed or failed | fewer                        | as it was; its last `window` results   |

A change empties the window, so that the next one needs `threshold` results of its own: a real that fails
every other check would otherwise change with nearly each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Rule:
    """`threshold` of the last `window` results change the condition; 1 <= threshold <= window."""

    threshold: int = 3
    window: int = 5


@dataclass(frozen=True)
class Result:
    """One round of a real's checks. passed: None if this host could not ask, which says nothing of the real.
    reason: in words, for a person: why it failed, or what passed."""

    passed: bool | None
    reason: str


@dataclass(frozen=True)
class Condition:
    """What is known of a real. up: None until the first result. recent: results since the last change."""

    up: bool | None = None
    reason: str = "not checked yet"
    recent: tuple[bool, ...] = ()


def advance(now: Condition, result: Result, rule: Rule) -> Condition:
    """The condition after one more result; `reason` is always that of the last result."""
    if result.passed is None:
        return replace(now, reason=result.reason)
    if now.up is None:
        return Condition(up=result.passed, reason=result.reason)
    recent = (*now.recent, result.passed)[-rule.window :]
    if recent.count(not now.up) >= rule.threshold:
        return Condition(up=not now.up, reason=result.reason)
    if (result.reason, recent) == (now.reason, now.recent):
        return now  # as it nearly always is
    return Condition(now.up, result.reason, recent)
