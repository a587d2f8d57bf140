"""Small words of the language that a schema cannot read: status codes, windows, communities, `any`."""

from __future__ import annotations

import re

CODES = re.compile(r"([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?")
STANDARD_COMMUNITY = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")
LARGE_COMMUNITY = re.compile(r"([0-9]{1,10}):([0-9]{1,10}):([0-9]{1,10})")
ANY_CODE = 0  # how VC5 writes `expect: any`
ANY_PREFIXES = ["0.0.0.0/0", "::/0"]  # what `any` among prefixes is; VC5 writes the first


def read_codes(text: str) -> tuple[int, ...] | None:
    """Status codes of `200`, `200-204 301`, `any`; None if it is something else."""
    if text == "any":
        return (ANY_CODE,)
    codes: list[int] = []
    for word in text.split():
        match = CODES.fullmatch(word)
        if match is None:
            return None
        low, high = sorted((int(match[1]), int(match[2] or match[1])))
        codes += range(low, high + 1)
    return tuple(codes) or None


def read_prefix_words(words: tuple[str, ...]) -> list[str]:
    """What a peer accepts or rejects, with `any` as the prefixes that it stands for."""
    return [prefix for word in words for prefix in (ANY_PREFIXES if word == "any" else [word])]


def read_window(text: str) -> tuple[int, int] | None:
    """(3, 5) of `3 of 5`; None if it could never be met."""
    threshold, window = (int(word) for word in text.split(" of "))
    return (threshold, window) if threshold <= window else None


def read_community(text: str) -> tuple[int, ...] | None:
    """Two numbers of 16 bits (RFC 1997) or three of 32 (RFC 8092); None otherwise."""
    for pattern, limit in ((STANDARD_COMMUNITY, 0xFFFF), (LARGE_COMMUNITY, 0xFFFFFFFF)):
        match = pattern.fullmatch(text)
        if match is not None:
            numbers = tuple(int(number) for number in match.groups())
            return numbers if max(numbers) <= limit else None
    return None
