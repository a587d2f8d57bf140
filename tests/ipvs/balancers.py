"""The two load balancers, told the same things: which reals there are, which one fails, returns, is added."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey, read
from vc5d.xdp.layout import RealState

from tests.ipvs.wire import HERE, VIP, run

ROOT = Path(__file__).parents[2]
KEY = ServiceKey(VIP, 80, "tcp")
OWN, NET = "172.16.0.1", "172.16.0"
DEEP = "dummy0"  # what is sent there is gone at once: no cost beyond sending

# The nearest to what vc5c makes: the paper's hash over address and port, and another choice where it names a
# real that is not to be had. The rest is as Linux sets it, but for the size of the table of connections.
SCHEDULER = "-s mh -b mh-port,mh-fallback"
MODULE = "ip_vs conn_tab_bits=18"


def address(real: int) -> str:
    return f"{NET}.{real}"


def mac(real: int) -> str:
    return f"02:00:00:00:00:{real:02x}"


class Balancer(Protocol):
    """Told nothing, no real is there."""

    name: str

    def begin(self, reals: Iterable[int]) -> None: ...
    def fail(self, real: int) -> None: ...
    def restore(self, real: int) -> None: ...
    def drain(self, real: int) -> None: ...
    def add(self, real: int) -> None: ...
    def end(self) -> None: ...


class Ours:
    """vc5d's own Dataplane; what its health checks would say is said by hand."""

    def __init__(self, folder: Path, mode: str = "native") -> None:
        self.name = f"VC5, {mode}"
        self._folder, self._mode = folder, mode
        self._pins = Path(f"/sys/fs/bpf/vc5-ipvs-{os.getpid()}")
        self._reals: list[int] = []

    def begin(self, reals: Iterable[int]) -> None:
        self._reals = sorted(reals)
        document = self._compiled()
        self.plane = Dataplane.open(self._pins, ROOT / "build" / "vc5.bpf.o", document)
        self.plane.apply(document)
        for real in self._reals:
            self._introduce(real)
        self.attach()

    def attach(self) -> None:
        assert self.plane.attach(HERE, self._mode) == self._mode

    def detach(self) -> None:
        self.plane.detach_all()

    def _introduce(self, real: int) -> None:
        self.plane.set_link(address(real), mac(real), 0)
        self.restore(real)

    def fail(self, real: int) -> None:
        self.plane.set_state(KEY, address(real), RealState.DOWN)

    def restore(self, real: int) -> None:
        self.plane.set_state(KEY, address(real), RealState.ACCEPTING)

    def drain(self, real: int) -> None:
        self.plane.set_state(KEY, address(real), RealState.DRAINING)

    def add(self, real: int) -> None:
        self._reals.append(real)
        self.plane.apply(self._compiled())
        self._introduce(real)

    def end(self) -> None:
        self.plane.uninstall()
        self.plane.close()

    def _compiled(self) -> Document:
        source, target = self._folder / "config.yaml", self._folder / "config.json"
        servers = ", ".join(address(real) for real in self._reals)
        source.write_text(
            f"bgp: {{as_number: 65000, peers: [{NET}.254]}}\n"
            f"services: [{{name: web, virtual: [{VIP}], servers: [{servers}], policy: {{http: }}}}]\n"
        )
        subprocess.run([ROOT / ".venv/bin/vc5c", source, "-o", target], check=True, capture_output=True)
        return read(target)


class Ipvs:
    """The kernel's, by direct routing. A real that fails is taken out, as keepalived does unless told
    otherwise."""

    name = "IPVS"

    def __init__(self, deep: bool = False, sloppy: bool = False) -> None:
        """deep: reals are reached by a device that swallows frames, for speed. sloppy: connections that are
        not known are taken up (net.ipv4.vs.sloppy_tcp, off by default)."""
        self._device, self._sloppy = (DEEP if deep else HERE), sloppy
        if sloppy:
            self.name = "IPVS, sloppy_tcp"

    def begin(self, reals: Iterable[int]) -> None:
        run(f"modprobe {MODULE}")
        run(f"ip address add {VIP}/32 dev lo")
        run("ip link set lo up")
        if self._device == DEEP:
            run(f"ip link add {DEEP} type dummy")
            run(f"ip link set {DEEP} addrgenmode none up")
        run(f"ip address add {OWN}/24 dev {self._device}")
        # Sources are in 10.0.0.0/8; an answer from here would go back by where they come from.
        run(f"ip route add 10.0.0.0/8 dev {HERE}")
        run(f"ipvsadm -A -t {VIP}:80 {SCHEDULER}")
        Path("/proc/sys/net/ipv4/vs/sloppy_tcp").write_text(str(int(self._sloppy)))
        for real in reals:
            self.add(real)

    def fail(self, real: int) -> None:
        run(f"ipvsadm -d -t {VIP}:80 -r {address(real)}:80")

    def restore(self, real: int) -> None:
        run(f"ipvsadm -a -t {VIP}:80 -r {address(real)}:80 -g -w 1")

    def drain(self, real: int) -> None:
        run(f"ipvsadm -e -t {VIP}:80 -r {address(real)}:80 -g -w 0")

    def add(self, real: int) -> None:
        neighbor = f"{address(real)} lladdr {mac(real)} dev {self._device} nud permanent"
        run(f"ip neighbor replace {neighbor}")
        self.restore(real)

    def sent(self) -> int:
        """Frames into the device that swallows them."""
        shown = json.loads(run(f"ip -json -s link show {DEEP}"))
        return int(shown[0]["stats64"]["tx"]["packets"])

    def end(self) -> None:
        run("ipvsadm -C")
