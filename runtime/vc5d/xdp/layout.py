"""Types shared with the XDP program. GENERATED from its BTF by vc5d.xdp.generate: do not edit.

Each dtype is a struct of bpf/vc5.h at its exact offsets; fields in network byte order are big-endian.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import numpy as np


class Vc5Layout(IntEnum):
    VERSION = 4


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


class LinkBits(IntEnum):
    VLAN_SHIFT = 48
    TUNNEL_SHIFT = 52


class TunnelType(IntEnum):
    NONE = 0
    IPIP = 1
    GRE = 2
    FOU = 3
    GUE = 4
    DSCP = 5


class TunnelBits(IntEnum):
    TYPE_MASK = 15
    OVER_IPV6_SHIFT = 4
    DSCP_SHIFT = 8
    PORT_SHIFT = 16
    MTU_SHIFT = 32
    SOURCE_SHIFT = 48


class TunnelLimits(IntEnum):
    SOURCES = 256


class ServiceFlags(IntFlag):
    VIP = 1
    TRACK_FULL = 2
    TRACK_MINIMAL = 4
    STICKY = 8
    LEASTCONN = 16
    UP = 32


class GenerationFlags(IntFlag):
    ANY_PORT4 = 1
    ANY_PORT6 = 2


class Switches(IntFlag):
    BLOCK4 = 1
    BLOCK6 = 2
    OWN = 4
    OWN_BY_INTERFACE = 8
    OWN_MANY = 16


class OwnMacs(IntEnum):
    NEAR = 4
    MACS = 68
    MAC_SHIFT = 16


class Reason(IntEnum):
    PASS_NOT_IP = 0
    PASS_NOT_UNICAST = 1
    PASS_NOT_OURS = 2
    PASS_UNKNOWN_VLAN = 3
    PASS_NOT_VIP = 4
    PASS_NO_DOCUMENT = 5
    PASS_AT_REAL = 6
    PASS_NEIGHBOR_DISCOVERY = 7
    DROP_BLOCKED = 8
    DROP_MALFORMED = 9
    DROP_FRAGMENT = 10
    DROP_UNKNOWN_PORT = 11
    DROP_PROTOCOL = 12
    DROP_ICMP = 13
    DROP_VIP_DOWN = 14
    DROP_ECHO_LIMIT = 15
    DROP_NO_REAL = 16
    DROP_NO_NEIGHBOR = 17
    DROP_TOO_BIG = 18
    DROP_TOO_BIG_LIMIT = 19
    DROP_REWRITE = 20
    DROP_INTERNAL = 21
    ANSWER_ECHO = 22
    ANSWER_TOO_BIG = 23
    NOTE_NOT_STORED = 24
    REASONS = 25


class Filter(IntEnum):
    FILTER_BITS = 8192
    FILTER_SHIFT = 51
    VLAN_IDS = 4096
    WORD_BITS = 64


class TraceLimits(IntEnum):
    TRACE_NOTES = 24
    TRACE_SNAP = 256
    TRACERS = 4


class TraceStep(IntEnum):
    NONE = 0
    SERVICE = 1
    ANY_PORT = 2
    ICMP_ERROR = 3
    FRAGMENT = 4
    HASH = 5
    SLOT = 6
    OWNER = 7
    FAST = 8
    ENTRY = 9
    ENTRY_GONE = 10
    NO_ENTRY = 11
    ROW = 12
    PREVIOUS_OWNER = 13
    PROBE = 14
    LIST = 15
    LOADS = 16
    CHOSEN = 17
    STORED = 18
    NOT_STORED = 19
    FORGOTTEN = 20
    REAL = 21
    LINK = 22
    TUNNEL = 23
    REASON = 24


class ToldLimits(IntEnum):
    FLOW_KEY_BYTES = 40
    MERGE_MOST = 4096


class ShareDrop(IntEnum):
    SHORT = 0
    STRANGER = 1
    VERSION = 2
    KEY = 3
    OWN = 4
    FLOOD = 5
    KIND = 6
    REPLAYED = 7
    MAC = 8
    LATE = 9
    UNPROVEN = 10
    FULL = 11
    DROPS = 12


class ShareFormat(IntEnum):
    MAGIC = 1447245171
    FORMAT = 1
    GREETING = 1
    LEAST = 48
    KNOWN = 20000
    UNKNOWN = 1000


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

SERVICE_KEY6: np.dtype[Any] = np.dtype(
    {
        "names": [
            "addr",
            "port_be",
            "protocol",
            "pad",
        ],
        "formats": [
            ("u1", (16,)),
            ">u2",
            "u1",
            ("u1", (5,)),
        ],
        "offsets": [0, 16, 18, 19],
        "itemsize": 24,
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
            "first_flags",
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

SERVICE6: np.dtype[Any] = np.dtype(
    {
        "names": [
            "key",
            "service",
        ],
        "formats": [
            SERVICE_KEY6,
            SERVICE,
        ],
        "offsets": [0, 24],
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
            "load",
            "pad2",
            "tunnel",
            "pad3",
        ],
        "formats": [
            "<u8",
            "<u4",
            "u1",
            ("u1", (3,)),
            "<u4",
            "<u4",
            ("u1", (16,)),
            "<u4",
            "<u4",
            "<u8",
            "<u8",
        ],
        "offsets": [0, 8, 12, 13, 16, 20, 24, 40, 44, 48, 56],
        "itemsize": 64,
    }
)

TUNNEL_SOURCE: np.dtype[Any] = np.dtype(
    {
        "names": [
            "addr",
        ],
        "formats": [
            ("u1", (16,)),
        ],
        "offsets": [0],
        "itemsize": 16,
    }
)

CHECK_WAY: np.dtype[Any] = np.dtype(
    {
        "names": [
            "link",
            "tunnel",
            "own",
            "ifindex",
            "pad",
            "addr",
            "source",
        ],
        "formats": [
            "<u8",
            "<u8",
            "<u8",
            "<u4",
            "<u4",
            ("u1", (16,)),
            ("u1", (16,)),
        ],
        "offsets": [0, 8, 16, 24, 28, 32, 48],
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

FLOW_KEY6: np.dtype[Any] = np.dtype(
    {
        "names": [
            "saddr",
            "daddr",
            "sport_be",
            "dport_be",
        ],
        "formats": [
            ("u1", (16,)),
            ("u1", (16,)),
            ">u2",
            ">u2",
        ],
        "offsets": [0, 16, 32, 34],
        "itemsize": 36,
    }
)

FLOW: np.dtype[Any] = np.dtype(
    {
        "names": [
            "last_ns",
            "hash",
            "real_id",
            "real",
            "peer",
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

FRAGMENT_KEY4: np.dtype[Any] = np.dtype(
    {
        "names": [
            "saddr_be",
            "daddr_be",
            "id_be",
            "protocol",
            "pad",
        ],
        "formats": [
            ">u4",
            ">u4",
            ">u2",
            "u1",
            "u1",
        ],
        "offsets": [0, 4, 8, 10, 11],
        "itemsize": 12,
    }
)

FRAGMENT_KEY6: np.dtype[Any] = np.dtype(
    {
        "names": [
            "saddr",
            "daddr",
            "id_be",
        ],
        "formats": [
            ("u1", (16,)),
            ("u1", (16,)),
            ">u4",
        ],
        "offsets": [0, 16, 32],
        "itemsize": 36,
    }
)

FRAGMENT: np.dtype[Any] = np.dtype(
    {
        "names": [
            "first_ns",
            "real",
            "real_id",
        ],
        "formats": [
            "<u8",
            "<u4",
            "<u4",
        ],
        "offsets": [0, 8, 12],
        "itemsize": 16,
    }
)

SESSION: np.dtype[Any] = np.dtype(
    {
        "names": [
            "last_ns",
            "real",
            "real_id",
        ],
        "formats": [
            "<u8",
            "<u4",
            "<u4",
        ],
        "offsets": [0, 8, 12],
        "itemsize": 16,
    }
)

BUDGET: np.dtype[Any] = np.dtype(
    {
        "names": [
            "second",
            "inserts",
            "echoes",
            "too_bigs",
            "tells",
        ],
        "formats": [
            "<u8",
            ("<u4", (3,)),
            "<u4",
            "<u4",
            "<u4",
        ],
        "offsets": [0, 8, 20, 24, 28],
        "itemsize": 32,
    }
)

TIMING: np.dtype[Any] = np.dtype(
    {
        "names": [
            "packets",
            "ns",
        ],
        "formats": [
            "<u8",
            "<u8",
        ],
        "offsets": [0, 8],
        "itemsize": 16,
    }
)

PREFIX4: np.dtype[Any] = np.dtype(
    {
        "names": [
            "length",
            "addr_be",
        ],
        "formats": [
            "<u4",
            ">u4",
        ],
        "offsets": [0, 4],
        "itemsize": 8,
    }
)

PREFIX6: np.dtype[Any] = np.dtype(
    {
        "names": [
            "length",
            "addr",
        ],
        "formats": [
            "<u4",
            ("u1", (16,)),
        ],
        "offsets": [0, 4],
        "itemsize": 20,
    }
)

INDEX: np.dtype[Any] = np.dtype(
    {
        "names": [
            "salt",
            "buckets",
            "size",
            "displacements_line",
            "services_base",
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

GENERATION: np.dtype[Any] = np.dtype(
    {
        "names": [
            "seed",
            "flow_lifetime_ns",
            "index4",
            "flags",
            "pad1",
            "pad2",
            "index6",
            "digest",
            "pad3",
            "vlans",
            "vips4",
            "vips6",
        ],
        "formats": [
            "<u8",
            "<u8",
            INDEX,
            "<u4",
            "<u4",
            ("<u8", (2,)),
            INDEX,
            ("u1", (32,)),
            "<u8",
            ("<u8", (64,)),
            ("<u8", (128,)),
            ("<u8", (128,)),
        ],
        "offsets": [0, 8, 16, 40, 44, 48, 64, 88, 120, 128, 640, 1664],
        "itemsize": 2688,
    }
)

CONTROL: np.dtype[Any] = np.dtype(
    {
        "names": [
            "layout",
            "live",
            "switches",
            "session_mask",
            "inserts",
            "echoes",
            "too_bigs",
            "tells",
            "own",
            "generation",
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
            ("<u8", (68,)),
            (GENERATION, (2,)),
        ],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 28, 32, 576],
        "itemsize": 5952,
    }
)

TRACE_FILTER: np.dtype[Any] = np.dtype(
    {
        "names": [
            "saddr",
            "saddr_mask",
            "daddr",
            "daddr_mask",
            "sport_be",
            "dport_be",
            "protocol",
            "verdicts",
            "active",
            "pad",
            "limit",
            "pad2",
        ],
        "formats": [
            ("u1", (16,)),
            ("u1", (16,)),
            ("u1", (16,)),
            ("u1", (16,)),
            ">u2",
            ">u2",
            "u1",
            "u1",
            "u1",
            "u1",
            "<u4",
            "<u4",
        ],
        "offsets": [0, 16, 32, 48, 64, 66, 68, 69, 70, 71, 72, 76],
        "itemsize": 80,
    }
)

TRACE_COUNT: np.dtype[Any] = np.dtype(
    {
        "names": [
            "second",
            "told",
            "matched",
            "limited",
            "lost",
        ],
        "formats": [
            "<u8",
            "<u8",
            "<u8",
            "<u8",
            "<u8",
        ],
        "offsets": [0, 8, 16, 24, 32],
        "itemsize": 40,
    }
)

TRACE_NOTE: np.dtype[Any] = np.dtype(
    {
        "names": [
            "step",
            "value",
        ],
        "formats": [
            "<u8",
            "<u8",
        ],
        "offsets": [0, 8],
        "itemsize": 16,
    }
)

TRACE_EVENT: np.dtype[Any] = np.dtype(
    {
        "names": [
            "time_ns",
            "cpu",
            "ifindex",
            "verdict",
            "notes",
            "length_before",
            "length_after",
            "snap_before",
            "snap_after",
            "saddr",
            "daddr",
            "sport_be",
            "dport_be",
            "protocol",
            "forwarded",
            "filters",
            "pad",
            "note",
            "before",
            "after",
        ],
        "formats": [
            "<u8",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            "<u4",
            ("u1", (16,)),
            ("u1", (16,)),
            ">u2",
            ">u2",
            "u1",
            "u1",
            "u1",
            "u1",
            (TRACE_NOTE, (24,)),
            ("u1", (256,)),
            ("u1", (256,)),
        ],
        "offsets": [0, 8, 12, 16, 20, 24, 28, 32, 36, 40, 56, 72, 74, 76, 77, 78, 79, 80, 464, 720],
        "itemsize": 976,
    }
)

TOLD: np.dtype[Any] = np.dtype(
    {
        "names": [
            "key",
            "last_ns",
            "real_id",
            "udp",
            "ipv6",
            "pad",
        ],
        "formats": [
            ("u1", (40,)),
            "<u8",
            "<u4",
            "u1",
            "u1",
            ("u1", (2,)),
        ],
        "offsets": [0, 40, 48, 52, 53, 54],
        "itemsize": 56,
    }
)

TOLD_COUNT: np.dtype[Any] = np.dtype(
    {
        "names": [
            "told",
            "limited",
            "full",
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

MERGE_ENTRY: np.dtype[Any] = np.dtype(
    {
        "names": [
            "key",
            "flow",
        ],
        "formats": [
            ("u1", (40,)),
            FLOW,
        ],
        "offsets": [0, 40],
        "itemsize": 64,
    }
)

MERGE_CALL: np.dtype[Any] = np.dtype(
    {
        "names": [
            "count",
            "udp",
            "ipv6",
            "stored",
            "renewed",
            "deleted",
            "older",
            "pad",
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
        ],
        "offsets": [0, 4, 8, 12, 16, 20, 24, 28],
        "itemsize": 32,
    }
)

GATE: np.dtype[Any] = np.dtype(
    {
        "names": [
            "node",
            "keys_be",
            "pad",
            "second",
            "unknown",
        ],
        "formats": [
            "<u8",
            (">u2", (2,)),
            "<u4",
            "<u8",
            "<u8",
        ],
        "offsets": [0, 8, 12, 16, 24],
        "itemsize": 32,
    }
)

GATE_NODE: np.dtype[Any] = np.dtype(
    {
        "names": [
            "second",
            "datagrams",
        ],
        "formats": [
            "<u8",
            "<u8",
        ],
        "offsets": [0, 8],
        "itemsize": 16,
    }
)
