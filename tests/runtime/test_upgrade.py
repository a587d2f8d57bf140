"""From layouts 2 and 3, as they lie pinned on a host: nothing that forwards stops, no tracked flow breaks."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import pins
from support.checking import check_maps
from support.documents import Spec, document
from support.older import HALF, LINES, REALS, SERVICES, OldHost
from support.packets import DataPath, Flow
from support.pins import OBJECT
from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey
from vc5d.errors import Vc5Error
from vc5d.xdp.layout import RealState
from vc5d.xdp.libbpf import LinkInfo, library
from vc5d.xdp.link import open_pinned
from vc5d.xdp.maps import Capacity, Maps
from vc5d.xdp.program import Program

pytestmark = pytest.mark.bpf

CLONE_NEWNET = 0x40000000  # linux/sched.h
HTTP, TLS = "192.168.101.1:80:tcp", "192.168.101.1:443:tcp"
HTTP6, REAL6 = "2001:db8:101::1:80:tcp", "2001:db8:1::10"
KEY = ServiceKey("192.168.101.1", 80, "tcp")
ADDRESSES = [f"10.1.10.{n}" for n in range(1, 7)]
MACS = {real: f"02:00:00:00:00:{number:02x}" for number, real in enumerate(ADDRESSES, 1)}
CAPACITY = Capacity(HALF, HALF, 4, LINES, REALS, SERVICES, 128, 1024, 1024)
SOURCE = bytes(range(16))  # of tunnels
LEFT, DRAINS = ADDRESSES[0], ADDRESSES[1]


def spec(**services: list[str]) -> Document:
    names = {"http": HTTP, "tls": TLS}
    reals = {names[name]: dict.fromkeys(some, 1) for name, some in services.items()}
    return document(Spec(reals | {HTTP6: {REAL6: 1}}, macs=MACS, lifetime=900))


BEFORE = spec(http=ADDRESSES, tls=ADDRESSES)
LIVE = spec(http=ADDRESSES[1:], tls=ADDRESSES)
NEXT = spec(http=ADDRESSES[1:], tls=ADDRESSES[:3])


@pytest.fixture
def pin_dir() -> Iterator[Path]:
    yield from pins.directory("uptest")


@pytest.fixture(params=[2, 3])
def layout(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def aside(story: Callable[[Path, Path, int], None], pin_dir: Path, directory: Path, layout: int) -> None:
    """In a thread with a network namespace of its own, in which a veth is."""

    def told() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            pytest.skip(f"no network namespace: {os.strerror(ctypes.get_errno())}")
        command = ["ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1"]
        subprocess.run(command, check=True)
        story(pin_dir, directory, layout)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(told).result()


def old_host(pin_dir: Path, directory: Path, layout: int) -> dict[Flow, str]:
    """A real left while it had flows, another drains; its clients' flows, by the real that has each."""
    today = Maps.in_memory(CAPACITY)
    now = time.monotonic_ns()
    plane = Dataplane(today, clock=lambda: now)
    plane.apply(BEFORE)
    for key, service in BEFORE.services.items():
        for address in service.reals:
            plane.set_state(key, address, RealState.ACCEPTING)
    path = DataPath(today)
    path.now = now
    flows = {Flow("10.99.0.2", 1024 + n, HTTP): "" for n in range(300)}
    for flow in flows:
        flows[flow] = path.packet(flow, syn=True)
    plane.apply(LIVE)
    plane.set_state(KEY, DRAINS, RealState.DRAINING)
    for flow in list(flows)[::2]:  # these are stored; the others have not been seen since the flip
        assert path.packet(flow, syn=False) == flows[flow]
    for flow in [Flow("10.99.0.3", 1024 + n, HTTP) for n in range(100)]:  # by entries only
        flows[flow] = path.packet(flow, syn=True)
        if flow.sport % 2:
            path.packet(flow, syn=False)
    plane.close()
    today.tunnel_sources["addr"][5] = np.frombuffer(SOURCE, "u1")
    old = OldHost(directory, layout)
    old.fill(today)
    old.pin(pin_dir, socket.if_nametoindex("veth0"), "veth0")
    if layout == 3:
        old.maps["reasons"].write_percpu(22, (4).to_bytes(8, "little"))
    reals = old.maps["real_counters"]
    service = plane.state.services[KEY]
    old.maps["reasons"].write_percpu(3, (7).to_bytes(8, "little"))
    reals.write_percpu(service.block.base + service.reals[DRAINS].index, bytes(np.array([5, 500, 3], "<u8")))
    old.close()
    return flows


def program_on(pin_dir: Path) -> int:
    """The id of the program that the pinned link runs."""
    found = open_pinned(pin_dir, "veth0")
    assert found
    info = LinkInfo()
    length = ctypes.c_uint32(ctypes.sizeof(info))
    assert library().bpf_obj_get_info_by_fd(found.fd, ctypes.byref(info), ctypes.byref(length)) == 0
    found.close()
    return int(info.prog_id)


def frame(flow: Flow, syn: bool) -> bytes:

    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + flow.key[:8]
    tcp = flow.key[8:] + struct.pack(">IIBBHHH", 1, 0, 5 << 4, 2 if syn else 16, 0, 0, 0)
    return bytes.fromhex("02ffffffffff02eeeeeeeeee0800") + ip + tcp + bytes(6)


def reached(plane: Dataplane, flows: dict[Flow, str]) -> dict[Flow, str]:
    """The real that gets each flow's next packet, by the MAC that it leaves with."""
    reals = {mac: real for real, mac in MACS.items()}
    return {flow: reals[plane._loaded().test_run(frame(flow, False))[1][:6].hex(":")] for flow in flows}


def test_flows_states_and_counters_come_along(pin_dir: Path, tmp_path: Path, layout: int) -> None:
    aside(upgrade, pin_dir, tmp_path, layout)


def upgrade(pin_dir: Path, directory: Path, layout: int) -> None:
    flows, there = old_host(pin_dir, directory, layout), []
    take_over = Program.take_over

    def counted(program: Program) -> list[str]:
        there.append(len(program.maps.tables["flows4_tcp"].read()[0]))
        return take_over(program)

    with pytest.MonkeyPatch.context() as watched:
        watched.setattr(Program, "take_over", counted)
        upgraded(pin_dir, flows, layout)
    assert there[0] > 10, "flows are there before the first packet is"


def upgraded(pin_dir: Path, flows: dict[Flow, str], layout: int) -> None:
    before = program_on(pin_dir)
    plane = Dataplane.open(pin_dir, OBJECT, NEXT)
    assert plane.adopted
    assert program_on(pin_dir) == before, "nothing happens until a document is live"
    report = plane.apply(NEXT)
    assert (report.reals_added, report.tables_written) == (0, 1)
    assert program_on(pin_dir) != before
    assert plane.attach("veth0") == "native"
    check_maps(plane.maps, NEXT)
    assert reached(plane, flows) == flows
    snapshot = plane.snapshot()
    states = {address: real.state for address, real in snapshot.services[HTTP].reals.items()}
    accepting = dict.fromkeys(ADDRESSES[2:], "accepting")
    assert states == {LEFT: "draining", DRAINS: "draining", **accepting}
    assert snapshot.services[HTTP].reals[DRAINS].packets >= 5
    assert snapshot.services[HTTP].slots["transition"] > 0
    assert snapshot.services[HTTP6].reals[REAL6].state == "accepting"
    assert snapshot.reasons["pass_not_vip"] >= 7
    if layout == 3:
        assert snapshot.reasons["answer_too_big"] >= 4
        assert bytes(plane.maps.tunnel_sources[5]["addr"]) == SOURCE
    plane.close()

    plane = Dataplane.open(pin_dir, OBJECT, NEXT)
    assert plane.adopted
    assert reached(plane, flows) == flows
    assert {"services4", "tunnel_sources"} <= {pin.name for pin in pin_dir.iterdir()}
    plane.uninstall()
    plane.close()


def test_a_first_document_that_fails_leaves_the_old_program_forwarding(
    pin_dir: Path, tmp_path: Path, layout: int
) -> None:
    aside(failing, pin_dir, tmp_path, layout)


def failing(pin_dir: Path, directory: Path, layout: int) -> None:
    old_host(pin_dir, directory, layout)
    before, pins = program_on(pin_dir), {pin.name for pin in pin_dir.iterdir()}
    plane = Dataplane.open(pin_dir, OBJECT, NEXT)
    with pytest.raises(Vc5Error, match="other address family"):
        plane.apply(document(Spec({HTTP: {"2001:db8::1": 1}})))
    plane.uninstall()  # even that touches only what is this process's own
    plane.close()
    assert program_on(pin_dir) == before
    assert {pin.name for pin in pin_dir.iterdir()} == pins


def test_a_document_that_the_old_maps_have_no_room_for(pin_dir: Path, tmp_path: Path, layout: int) -> None:
    aside(growing, pin_dir, tmp_path, layout)


def growing(pin_dir: Path, directory: Path, layout: int) -> None:
    flows = old_host(pin_dir, directory, layout)
    plane = Dataplane.open(pin_dir, OBJECT, LIVE)
    many = [f"192.168.{n // 250}.{n % 250}:80:tcp" for n in range(1200)]
    big = Spec({HTTP: dict.fromkeys(ADDRESSES[1:], 1)}, macs=MACS, lifetime=900)
    big.services |= {name: {ADDRESSES[1]: 1} for name in many}
    report = plane.apply(document(big))
    assert report.replaced
    assert reached(plane, flows) == flows
    plane.uninstall()
    plane.close()
    assert not pin_dir.exists()


def test_another_layout_is_left_alone_until_a_document_is_live(
    pin_dir: Path, tmp_path: Path, layout: int
) -> None:
    aside(unknown, pin_dir, tmp_path, layout)


def unknown(pin_dir: Path, directory: Path, layout: int) -> None:
    old_host(pin_dir, directory, layout)
    control = Program.load(OBJECT, CAPACITY)
    control.maps.control["layout"] = 99
    control.pin(pin_dir)
    control.take_over()
    control.close()
    before = program_on(pin_dir)
    plane = Dataplane.open(pin_dir, OBJECT, LIVE)
    assert not plane.adopted
    assert program_on(pin_dir) == before
    plane.apply(LIVE)
    assert plane.adopted, "its interfaces are taken over at once"
    assert program_on(pin_dir) != before
    plane.uninstall()
    plane.close()
