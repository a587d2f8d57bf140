"""The dataplane on the kernel's maps: packets by test runs, a restart, a document that outgrows the maps.

Pins live under a directory of their own; the one interface is in a network namespace that ends with the test.
"""

from __future__ import annotations

import ctypes
import dataclasses
import ipaddress
import os
import shutil
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import pins
from support.documents import Spec, document
from support.pins import OBJECT
from vc5d.dataplane import Dataplane
from vc5d.document import Blocked, Document, ServiceKey
from vc5d.errors import Vc5Error
from vc5d.generation.capacity import choose_capacity
from vc5d.xdp.layout import FLOW, FLOW_KEY6, FRAGMENT, FRAGMENT_KEY6, RealState
from vc5d.xdp.maps import Capacity

pytestmark = pytest.mark.bpf

HTTP = "192.168.101.1:80:tcp"
KEY = ServiceKey("192.168.101.1", 80, "tcp")
REALS = {f"10.1.10.{n}": 1 for n in range(1, 6)}
MACS = {real: f"02:00:00:00:00:{number:02x}" for number, real in enumerate(REALS, 1)}
XDP_DROP, XDP_TX = 1, 3
CLONE_NEWNET = 0x40000000  # linux/sched.h


@pytest.fixture
def pin_dir() -> Iterator[Path]:
    yield from pins.directory("gentest")


def spec(reals: dict[str, int] = REALS, **more: int) -> Spec:
    return Spec({HTTP: reals}, macs={real: MACS[real] for real in reals if real in MACS}, **more)  # type: ignore[arg-type]


def opened(pin_dir: Path, made: Document) -> Dataplane:
    plane = Dataplane.open(pin_dir, OBJECT, made)
    plane.apply(made)
    return plane


def accept(plane: Dataplane) -> None:
    for key, service in plane.state.services.items():
        for address, real in service.reals.items():
            if real.configured:
                plane.set_state(key, address, RealState.ACCEPTING)


def frame(sport: int, syn: bool, vip: str = "192.168.101.1") -> bytes:
    """Ethernet, IPv4, TCP to port 80."""
    ethernet = bytes.fromhex("02ffffffffff02eeeeeeeeee0800")
    addresses = socket.inet_aton("10.99.0.2") + socket.inet_aton(vip)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + addresses
    tcp = struct.pack(">HHIIBBHHH", sport, 80, 1, 0, 5 << 4, 2 if syn else 16, 0, 0, 0)
    return ethernet + ip + tcp + bytes(6)


def real_of(plane: Dataplane, sport: int, syn: bool = False) -> str:
    """The real that gets the packet, by the MAC it leaves with."""
    verdict, out, _ = plane._loaded().test_run(frame(sport, syn))
    assert verdict == XDP_TX
    return {mac: real for real, mac in MACS.items()}[out[:6].hex(":")]


def test_packets_reach_reals_and_counters_say_so(pin_dir: Path) -> None:
    plane = opened(pin_dir, document(spec()))
    assert not plane.adopted
    verdict, _, _ = plane._loaded().test_run(frame(1000, syn=True))
    assert verdict == XDP_DROP, "all reals are down at first"
    accept(plane)
    got = Counter(real_of(plane, 1024 + n, syn=True) for n in range(200))
    assert set(got) == set(REALS)
    snapshot = plane.snapshot()
    assert {a: r.flows for a, r in snapshot.services[HTTP].reals.items()} == dict(got)
    assert snapshot.reasons["drop_no_real"] == 1
    plane.uninstall()
    plane.close()
    assert not pin_dir.exists()


def test_flows_survive_flips_health_and_a_restart(pin_dir: Path) -> None:
    plane = opened(pin_dir, document(spec()))
    accept(plane)
    flows = {1024 + n: real_of(plane, 1024 + n, syn=True) for n in range(150)}
    without = {real: weight for real, weight in REALS.items() if real != "10.1.10.1"}
    plane.apply(document(spec({**without, "10.1.10.5": 3})))
    assert {port: real_of(plane, port) for port in flows} == flows
    plane.close()

    plane = Dataplane.open(pin_dir, OBJECT, document(spec(without)))
    assert plane.adopted
    assert {port: real_of(plane, port) for port in flows} == flows
    plane.apply(document(spec({**without, "10.1.10.5": 3})))
    accept(plane)
    plane.set_state(KEY, "10.1.10.2", RealState.DRAINING)
    plane.apply(document(spec(without, seed=99)))
    assert {port: real_of(plane, port) for port in flows} == flows
    plane.tick(plane._clock() + 61 * 10**9)  # ends the transition; every flow was active in it
    assert plane.snapshot().services[HTTP].slots["transition"] == 0
    plane.close()


def test_a_document_that_outgrows_the_maps(pin_dir: Path) -> None:
    """New maps and one update of the link; flows, states and counters come along."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(outgrow, pin_dir).result()


def own_link() -> str:
    """A veth in a network namespace that only this thread is in, and that ends with it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        pytest.skip(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    command = ["ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1"]
    made = subprocess.run(command, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"a veth cannot be made: {made.stderr.decode().strip()}")
    return "veth0"


def outgrow(pin_dir: Path) -> None:
    link = own_link()
    plane = opened(pin_dir, document(spec()))
    accept(plane)
    plane.set_own({(1, MACS["10.1.10.1"])})
    assert plane.attach(link) in ("native", "generic")
    assert int(plane.maps.control["switches"][0]) == 0, "its MACs are not known yet: any frame is taken"
    flows = {1024 + n: real_of(plane, 1024 + n, syn=True) for n in range(150)}
    without = {real: weight for real, weight in REALS.items() if real != "10.1.10.1"}
    plane.apply(document(spec(without)))  # some flows are in the flow table now
    assert {port: real_of(plane, port) for port in flows} == flows
    before = plane.snapshot()
    capacity = plane.maps.capacity

    big = Spec({HTTP: without}, macs=MACS)
    many = [f"192.168.{n // 250}.{n % 250}:80:tcp" for n in range(1200)]
    big.services |= {name: {"10.1.10.2": 1} for name in many}
    subprocess.run(["ip", "link", "set", link, "name", "other"], check=True)  # attached all the same
    report = plane.apply(document(big))
    assert report.replaced
    subprocess.run(["ip", "link", "set", "other", "name", link], check=True)
    assert plane.maps.capacity.services > capacity.services
    assert plane._loaded().attached() == {link: plane.attach(link)}
    after = plane.snapshot()
    assert after.flows == before.flows
    assert after.flows["tcp"] > 0
    for address, real in before.services[HTTP].reals.items():
        now = after.services[HTTP].reals[address]
        assert (now.packets, now.state) == (real.packets, real.state)
    assert {port: real_of(plane, port) for port in flows} == flows
    plane.close()

    plane = Dataplane.open(pin_dir, OBJECT, document(big))
    assert plane.adopted
    assert plane.snapshot().digest == document(big).digest
    plane.uninstall()
    plane.close()
    assert not pin_dir.exists()


def test_no_memory_to_grow(pin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document before goes on, with everything in it."""
    plane = opened(pin_dir, document(spec()))
    accept(plane)
    before, pins = plane.snapshot(), sorted(pin_dir.iterdir())
    many = Spec({HTTP: REALS}, macs=MACS)
    many.services |= {f"192.168.{n // 250}.{n % 250}:80:tcp": {"10.1.10.2": 1} for n in range(1200)}

    def too_big(*arguments: Any) -> Capacity:
        return dataclasses.replace(choose_capacity(*arguments), slots_lines=1 << 31)

    with monkeypatch.context() as huge:
        huge.setattr("vc5d.dataplane.choose_capacity", too_big)
        with pytest.raises(Vc5Error, match="there is no memory for the map slots"):
            plane.apply(document(many))
    assert plane.snapshot() == before
    assert sorted(pin_dir.iterdir()) == pins
    assert real_of(plane, 5000, syn=True) in REALS
    assert plane.apply(document(many)).replaced
    plane.close()


def test_what_no_document_says_outlives_growing(pin_dir: Path) -> None:
    """Block lists, VIPs that are up, limits, sessions; flows of IPv6, and datagrams under way."""
    plane = opened(pin_dir, document(spec()))
    accept(plane)
    plane.set_vip("192.168.101.1", True)
    blocked = Blocked(
        (ipaddress.IPv4Network("198.51.100.0/24"),), (ipaddress.IPv6Network("2001:db8:bad::/48"),)
    )
    plane.set_block(blocked)
    plane.set_own({(1, MACS["10.1.10.1"]), (1, MACS["10.1.10.2"])})
    before = plane.maps.control["own"][0].tolist()
    plane.set_limits(77, 88)
    plane.set_session_bits(2)
    keys, values = np.zeros(5, FLOW_KEY6), np.zeros(5, FLOW)
    keys["sport_be"], values["real_id"], values["last_ns"] = np.arange(5), 9, plane._clock()
    plane.maps.tables["flows6_tcp"].write(keys, values)
    first, took = np.zeros(3, FRAGMENT_KEY6), np.zeros(3, FRAGMENT)
    first["id_be"], took["real_id"], took["first_ns"] = np.arange(3), 9, plane._clock()
    plane.maps.tables["fragments6"].write(first, took)
    plane.maps.prefixes4[7] = 3
    many = Spec({HTTP: REALS}, macs=MACS)
    many.services |= {f"2001:db8::{n:x}:80:tcp": {"2001:db8:1::1": 1} for n in range(1, 1200)}
    assert plane.apply(document(many)).replaced
    maps = plane.maps
    assert plane.snapshot().vips["192.168.101.1"]
    assert [len(maps.tables[name].read()[0]) for name in ("blocked4", "blocked6")] == [1, 1]
    words = {name: int(maps.control[name][0]) for name in ("switches", "session_mask", "inserts", "echoes")}
    assert words == {"switches": 3 + 4, "session_mask": 3, "inserts": 77, "echoes": 88}
    assert maps.control["own"][0].tolist() == before
    assert sorted(maps.tables["flows6_tcp"].read()[0]["sport_be"].tolist()) == list(range(5))
    assert sorted(maps.tables["fragments6"].read()[0]["id_be"].tolist()) == list(range(3))
    assert (int(maps.blocked4_bits.any()), int(maps.prefixes4[7])) == (1, 3)
    plane.close()
    plane = Dataplane.open(pin_dir, OBJECT, document(many))
    assert plane.snapshot().vips["192.168.101.1"]
    plane.set_block(Blocked())
    assert int(plane.maps.control["switches"][0]) == 4, "the host's own MACs are known on"
    plane.close()


def test_a_link_that_cannot_be_pinned_is_let_go(pin_dir: Path) -> None:
    """Else the interface would be busy at every later try."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(attach_without_pins, pin_dir).result()


def attach_without_pins(pin_dir: Path) -> None:
    link = own_link()
    plane = opened(pin_dir, document(spec()))
    shutil.rmtree(pin_dir)
    with pytest.raises(Vc5Error, match="cannot be pinned"):
        plane.attach(link)
    pin_dir.mkdir()
    assert plane.attach(link) in ("native", "generic")
    plane.uninstall()
    plane.close()
