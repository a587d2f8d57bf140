"""Health checks' packets on vc5d's own veth: into the same tunnels as clients' packets, to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5d.xdp import bpf
from vc5d.xdp.bpf import Object
from vc5d.xdp.layout import CHECK_WAY

from .kernel import SMALL
from .model import DROP, REDIRECT
from .model.hashes import flow_hash
from .packets import FAMILIES, ROUTER, TCP, V4, Family, ethernet, packed, tcp
from .place import TUNNELS
from .test_tunnels import REALS, SOURCES, dont_fragment, every, outer

pytestmark = pytest.mark.bpf
OWN, NUMBER, IFINDEX = bytes.fromhex("0200000000aa"), 0x0305, 4711
TO_WAY = b"\x02\x5c" + NUMBER.to_bytes(4, "big")
PORT = 6080


class Checks:
    def __init__(self, path: Path) -> None:
        self._object = Object(path, SMALL | {"check_ways": 1024}, programs={"vc5": False, "check": True})
        self.ways = self._object.maps["check_ways"].mapped(CHECK_WAY)
        self.fd = self._object.program("check")

    def run(self, frame: bytes) -> tuple[int, bytes]:
        verdict, out, _ = bpf.test_run(self.fd, frame)
        return verdict, out

    def set_way(self, type: str, far: Family, mtu: int = 0) -> None:
        way = self.ways[NUMBER]
        way["link"] = int.from_bytes(ROUTER, "little")
        way["own"] = int.from_bytes(OWN, "little")
        port = int.from_bytes(PORT.to_bytes(2, "big"), "little") if type in ("fou", "gue") else 0
        way["tunnel"] = TUNNELS.index(type) | (far.version == 6) << 4 | port << 16 | mtu << 32
        way["ifindex"] = IFINDEX
        for name, text in (("addr", REALS[far.version]), ("source", SOURCES[far.version])):
            raw = packed(text)
            way[name] = list(raw if len(raw) == 16 else bytes(10) + b"\xff\xff" + raw)

    def close(self) -> None:
        self._object.close()


@pytest.fixture(scope="module")
def checks(bpf_object: Path) -> Iterator[Checks]:
    made = Checks(bpf_object)
    yield made
    made.close()


@every
def test_as_a_clients_packet(checks: Checks, family: Family, far: Family, type: str) -> None:
    checks.set_way(type, far, mtu=1400)
    packet = dont_fragment(family, tcp(40000, 80, "S"), TCP)
    key = packed(family.client), packed(family.vip), (40000).to_bytes(2, "big"), (80).to_bytes(2, "big")
    inside = outer(far, type, packet, flow_hash(key, TCP, 0))
    assert checks.run(ethernet(packet, dst=TO_WAY)) == (REDIRECT, ethernet(inside, ROUTER, OWN))


@pytest.mark.parametrize("family", FAMILIES, ids=["IPv4", "IPv6"])
def test_what_else_comes_there(checks: Checks, family: Family) -> None:
    checks.set_way("ipip", V4, mtu=100)
    packet = dont_fragment(family, tcp(40000, 80, "S"), TCP)
    elsewhere = b"\x02\x5c" + (NUMBER + 1).to_bytes(4, "big")
    for frame in (
        ethernet(packet, dst=elsewhere),
        ethernet(packet, dst=b"\x02\x5c\xff\xff\xff\xff"),
        ethernet(packet, dst=b"\x33\x33\0\0\0\1"),
        ethernet(bytes(46), dst=TO_WAY, proto=0x0806),
        ethernet(dont_fragment(family, tcp(40000, 80, "A", bytes(100))), dst=TO_WAY),
    ):
        assert checks.run(frame)[0] == DROP
    checks.ways["link"][NUMBER] = 0
    assert checks.run(ethernet(packet, dst=TO_WAY))[0] == DROP, "its next hop is not known"
