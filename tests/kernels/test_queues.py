"""The program on network cards with several queues: every frame back, from each queue, to the real that the
table names; native and generic, plain and tagged."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import expect
from lab.host import wait_until
from lab.plan import BUILD, COMMANDS
from vc5d.dataplane import Dataplane
from vc5d.document import ServiceKey, read
from vc5d.xdp.layout import RealState

from tests.bpf.packets import ethernet, ipv4, tcp
from tests.kernels import cards
from tests.kernels.cards import Cards

pytestmark = pytest.mark.bpf

VIP = "192.0.2.80"
KEY = ServiceKey(VIP, 80, "tcp")
REALS = [f"10.1.20.{n}" for n in range(1, 9)]
VLAN_IN, VLAN_OUT = 10, 20
FLOWS = 400
CONFIGURATION = f"""\
bgp: {{as_number: 65000, peers: [10.1.20.200]}}
services:
  - {{name: web, virtual: [{VIP}], servers: [{", ".join(REALS)}], policy: {{http: }}}}
"""


def mac(real: str) -> str:
    return f"02:00:00:00:20:{int(real.rpartition('.')[2]):02x}"


@pytest.fixture(scope="module")
def pair() -> Iterator[Cards]:
    found = cards.find()
    if len(found) < 2:
        pytest.skip("needs two virtio-net cards with several queues, joined: make vmtest")
    with cards.joined(found[0], found[1], f"vc5-cards-{os.getpid()}") as made:
        for vlan in (VLAN_IN, VLAN_OUT):
            made.add_vlan(vlan)
        yield made
        for vlan in (VLAN_IN, VLAN_OUT):
            made.remove_vlan(vlan)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("document")
    (folder / "config.yaml").write_text(CONFIGURATION)
    made = folder / "config.json"
    subprocess.run([COMMANDS / "vc5c", folder / "config.yaml", "-o", made], check=True)
    return made


@pytest.fixture
def plane(document: Path) -> Iterator[Dataplane]:
    made = read(document)
    opened = Dataplane.open(Path(f"/sys/fs/bpf/vc5-cards-{os.getpid()}"), BUILD / "vc5.bpf.o", made)
    try:
        opened.apply(made)
        opened.set_vlans([VLAN_IN, VLAN_OUT])
        for real in REALS:
            opened.set_state(KEY, real, RealState.ACCEPTING)
        yield opened
    finally:
        opened.uninstall()
        opened.close()


@pytest.mark.parametrize("tagged", [False, True], ids=["plain", "tagged"])
@pytest.mark.parametrize("mode", ["native", "generic"])
def test_every_frame_comes_back(
    pair: Cards, plane: Dataplane, document: Path, mode: str, tagged: bool
) -> None:
    """The host has all of the card's queues but one for each CPU, which native XDP takes to send by:
    docs/kernels.md says what happens without."""
    pair.set_queues(pair.most_queues() - (os.cpu_count() or 1))
    for real in REALS:
        plane.set_link(real, mac(real), VLAN_OUT if tagged else 0)
    assert plane.attach(pair.here, mode) == mode
    carrier = Path(f"/sys/class/net/{pair.here}/carrier")
    wait_until("the card is up", lambda: carrier.read_text() == "1\n", 10)
    tci = VLAN_IN if tagged else None
    probe = ethernet(ipv4(tcp(9, 80), dst=VIP, src="10.98.0.1"), dst=pair.mac, tci=tci)
    wait_until("the cable carries frames", lambda: bool(pair.exchange([probe], 0.1)), 20)
    table, before = expect.table(expect.load(document), str(KEY)), pair.seen_by_queue()
    flows = [(f"10.99.{n // 250}.{n % 250 + 1}", 20000 + n) for n in range(FLOWS)]
    sent = [
        ethernet(ipv4(tcp(port, 80), dst=VIP, src=source), dst=pair.mac, tci=tci) for source, port in flows
    ]
    expected = {flow: mac(table.real_of(*flow, VIP, 80)) for flow in flows}
    came = [frame for frame in pair.exchange(sent) if frame.source in expected]  # no late probe
    assert {frame.source: frame.mac for frame in came} == expected
    assert len(came) == FLOWS, "a frame came twice"
    assert {frame.vlan for frame in came} == {VLAN_OUT if tagged else 0}
    if mode == "native":
        by_queue = [after - first for after, first in zip(pair.seen_by_queue(), before, strict=True)]
        assert sum(by_queue) == FLOWS
        assert all(by_queue), f"by queue: {by_queue}"
