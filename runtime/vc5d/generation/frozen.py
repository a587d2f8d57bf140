"""The layouts that older versions pinned, as far as an upgrade reads them.

Frozen: these types are what is pinned on hosts, whatever bpf/vc5.h becomes. Flow tables, counters and lists
lie today as they did; new are fields, words and reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Layout:
    """arrays: the maps that are mapped into memory, and their records. words: those of struct control that no
    document says. reasons: names of today's, in its order."""

    arrays: Mapping[str, np.dtype[Any]]
    words: tuple[str, ...]
    reasons: tuple[str, ...]


COUNT, _SLOT = np.dtype("<u8"), np.dtype("<u2")
_KEY4 = np.dtype([("addr_be", ">u4"), ("port_be", ">u2"), ("protocol", "u1"), ("pad", "u1")])
_KEY6 = np.dtype([("addr", "u1", 16), ("port_be", ">u2"), ("protocol", "u1"), ("pad", "u1", 5)])
_SERVICE = np.dtype(
    [
        *((name, "<u4") for name in ("id", "flags", "slots_line", "table_size", "reals_base", "first_line")),
        *((name, "<u4") for name in ("first_size", "first_flags")),
        ("first_seed", "<u8"),
    ]
)
_SERVICE4 = np.dtype([("key", _KEY4), ("pad", "<u8", 2), ("service", _SERVICE)])
_SERVICE6 = np.dtype([("key", _KEY6), ("service", _SERVICE)])
_INDEX = np.dtype(
    [("salt", "<u8"), *((name, "<u4") for name in ("buckets", "size", "displacements_line", "services_base"))]
)
GENERATION = np.dtype(
    {
        "names": [
            "seed", "flow_lifetime_ns", "index4", "flags", "index6", "digest", "vlans", "vips4", "vips6",
        ],
        "formats": [
            "<u8", "<u8", _INDEX, "<u4", _INDEX, ("u1", 32), ("<u8", 64), ("<u8", 128), ("<u8", 128),
        ],
        "offsets": [0, 8, 16, 40, 64, 88, 128, 640, 1664],
        "itemsize": 2688,
    }
)  # fmt: skip


def _real(*tunnel: str) -> np.dtype[Any]:
    fields = {
        "link": ("<u8", 0), "id": ("<u4", 8), "state": ("u1", 12), "service": ("<u4", 16),
        "ifindex": ("<u4", 20), "addr": (("u1", 16), 24), "load": ("<u4", 40),
        **dict.fromkeys(tunnel, ("<u8", 48)),
    }  # fmt: skip
    return _record(fields, 64)


def _control(*words: str) -> np.dtype[Any]:
    fields = {name: ("<u4", 4 * place) for place, name in enumerate(("layout", "live", *words))}
    return _record({**fields, "generation": ((GENERATION, 2), 64)}, 5440)


def _record(fields: Mapping[str, tuple[Any, int]], size: int) -> np.dtype[Any]:
    """Of fields with type and offset."""
    types, offsets = zip(*fields.values(), strict=True)
    return np.dtype({"names": list(fields), "formats": types, "offsets": offsets, "itemsize": size})


_WORDS2 = ("switches", "session_mask", "inserts", "echoes")
_WORDS3 = (*_WORDS2, "too_bigs", "tells")
_ARRAYS2 = {
    "control": _control(*_WORDS2),
    "displacements": _SLOT,
    "services4": _SERVICE4,
    "services6": _SERVICE6,
    "slots": _SLOT,
    "reals": _real(),
    "service_states": COUNT,
    "accepting": _SLOT,
    "prefixes4": COUNT,
    "blocked4_bits": COUNT,
}
_ARRAYS3 = _ARRAYS2 | {
    "control": _control(*_WORDS3),
    "reals": _real("tunnel"),
    "tunnel_sources": np.dtype([("addr", "u1", 16)]),
}
_REASONS2 = (
    "PASS_NOT_IP", "PASS_NOT_UNICAST", "PASS_UNKNOWN_VLAN", "PASS_NOT_VIP", "PASS_NO_DOCUMENT",
    "PASS_AT_REAL", "PASS_NEIGHBOR_DISCOVERY", "DROP_BLOCKED", "DROP_MALFORMED", "DROP_FRAGMENT",
    "DROP_UNKNOWN_PORT", "DROP_PROTOCOL", "DROP_ICMP", "DROP_VIP_DOWN", "DROP_ECHO_LIMIT", "DROP_NO_REAL",
    "DROP_NO_NEIGHBOR", "DROP_REWRITE", "DROP_INTERNAL", "ANSWER_ECHO", "NOTE_NOT_STORED",
)  # fmt: skip
_REASONS3 = (
    *_REASONS2[:17], "DROP_TOO_BIG", "DROP_TOO_BIG_LIMIT", *_REASONS2[17:20], "ANSWER_TOO_BIG", _REASONS2[20],
)  # fmt: skip

LAYOUTS: Mapping[int, Layout] = {
    2: Layout(_ARRAYS2, _WORDS2, _REASONS2),
    3: Layout(_ARRAYS3, _WORDS3, _REASONS3),
}
