"""Types shared with the XDP program. GENERATED from its BTF by vc5d.generate: do not edit.

Each dtype is a struct of bpf/vc5.h at its exact offsets; fields in network byte order are big-endian.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import numpy as np


class Vc5Layout(IntEnum):
    VERSION = 1


class SlotBits(IntEnum):
    SLOT_REAL_BITS = 14
    SLOT_REAL_MASK = 16383
    SLOT_STATE_SHIFT = 14
    SLOTS_PER_LINE = 32


class SlotState(IntEnum):
    CLEAR = 0
    TRANSITION = 1
    CONSULT = 2


class RealState(IntEnum):
    ABSENT = 0
    ACCEPTING = 1
    DRAINING = 2
    DOWN = 3
    STATE_MASK = 3
    CONSULT = 4


class ServiceFlags(IntFlag):
    VIP = 1
    TRACK_FULL = 2
    TRACK_MINIMAL = 4


class Reason(IntEnum):
    PASS_NOT_IP = 0
    PASS_NOT_UNICAST = 1
    PASS_NOT_VIP = 2
    PASS_NO_DOCUMENT = 3
    PASS_AT_REAL = 4
    DROP_MALFORMED = 5
    DROP_FRAGMENT = 6
    DROP_UNKNOWN_PORT = 7
    DROP_PROTOCOL = 8
    DROP_NO_REAL = 9
    DROP_NO_NEIGHBOR = 10
    DROP_REWRITE = 11
    DROP_INTERNAL = 12
    REASONS = 13


SERVICE_KEY4: np.dtype[Any] = np.dtype(
    {
        "names": [
            "addr_be",
            "port_be",
            "protocol",
            "pad",
        ],
        "formats": [
            ">u4",
            ">u2",
            "u1",
            "u1",
        ],
        "offsets": [0, 4, 6, 7],
        "itemsize": 8,
    }
)

SERVICE: np.dtype[Any] = np.dtype(
    {
        "names": [
            "id",
            "flags",
            "slots_line",
            "table_size",
            "reals_base",
            "first_line",
            "first_size",
            "pad",
            "first_seed",
        ],
        "formats": [
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u8",
        ],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 28, 32],
        "itemsize": 40,
    }
)

SERVICE4: np.dtype[Any] = np.dtype(
    {
        "names": [
            "key",
            "pad",
            "service",
        ],
        "formats": [
            SERVICE_KEY4,
            ("<u8", (2,)),
            SERVICE,
        ],
        "offsets": [0, 8, 24],
        "itemsize": 64,
    }
)

REAL: np.dtype[Any] = np.dtype(
    {
        "names": [
            "link",
            "id",
            "state",
            "pad1",
            "service",
            "ifindex",
            "addr",
            "pad2",
        ],
        "formats": [
            "<u8",
            "<u4",
            "u1",
            ("u1", (3,)),
            "<u4",
            "<u4",
            ("u1", (16,)),
            ("<u8", (3,)),
        ],
        "offsets": [0, 8, 12, 13, 16, 20, 24, 40],
        "itemsize": 64,
    }
)

SERVICE_STATE: np.dtype[Any] = np.dtype(
    {
        "names": [
            "accepting",
        ],
        "formats": [
            "<u8",
        ],
        "offsets": [0],
        "itemsize": 8,
    }
)

SLOTS_LINE: np.dtype[Any] = np.dtype(
    {
        "names": [
            "slot",
        ],
        "formats": [
            ("<u2", (32,)),
        ],
        "offsets": [0],
        "itemsize": 64,
    }
)

FLOW_KEY4: np.dtype[Any] = np.dtype(
    {
        "names": [
            "saddr_be",
            "daddr_be",
            "sport_be",
            "dport_be",
        ],
        "formats": [
            ">u4",
            ">u4",
            ">u2",
            ">u2",
        ],
        "offsets": [0, 4, 8, 10],
        "itemsize": 12,
    }
)

FLOW: np.dtype[Any] = np.dtype(
    {
        "names": [
            "last_ns",
            "hash",
            "real_id",
            "real",
            "pad",
        ],
        "formats": [
            "<u8",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
        ],
        "offsets": [0, 8, 12, 16, 20],
        "itemsize": 24,
    }
)

REAL_COUNTERS: np.dtype[Any] = np.dtype(
    {
        "names": [
            "packets",
            "bytes",
            "flows",
        ],
        "formats": [
            "<u8",
            "<u8",
            "<u8",
        ],
        "offsets": [0, 8, 16],
        "itemsize": 24,
    }
)

GENERATION: np.dtype[Any] = np.dtype(
    {
        "names": [
            "seed",
            "flow_lifetime_ns",
            "index4_salt",
            "index4_buckets",
            "index4_size",
            "displacements4_line",
            "services4_base",
            "pad",
            "digest",
        ],
        "formats": [
            "<u8",
            "<u8",
            "<u8",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            ("<u8", (7,)),
            ("u1", (32,)),
        ],
        "offsets": [0, 8, 16, 24, 28, 32, 36, 40, 96],
        "itemsize": 128,
    }
)

CONTROL: np.dtype[Any] = np.dtype(
    {
        "names": [
            "layout",
            "live",
            "pad",
            "generation",
        ],
        "formats": [
            "<u4",
            "<u4",
            ("<u8", (7,)),
            (GENERATION, (2,)),
        ],
        "offsets": [0, 4, 8, 64],
        "itemsize": 320,
    }
)
