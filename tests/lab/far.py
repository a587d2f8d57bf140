"""A lab of its own for tunnels: the real is behind a router, and shares no network with the load balancer.

client (10.50.1.2) ── router ── lb (10.50.2.2)
                        └────── real (10.50.3.2), by 1500 bytes
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vc5d.ctl.ask import ask
from vc5d.errors import Vc5Error

from lab.host import LabError, Process, run, start, wait_until
from lab.plan import BUILD, COMMANDS, ROOT, Names

NETS = {"client": 1, "lb": 2, "real": 3}
VIPS = {4: "10.60.0.1", 6: "2001:db8:60::1"}
FOU, GUE, DSCP = {4: 5555, 6: 5556}, 6080, 41
KINDS = ("ipip", "gre", "fou", "gue")
MODULES = ("ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6")


def address(host: str, family: int = 4, number: int = 2) -> str:
    net = NETS[host]
    return f"10.50.{net}.{number}" if family == 4 else f"2001:db8:50:{net}::{number}"


def services() -> dict[int, tuple[str, int, int]]:
    """Port -> tunnel, family of the VIP, family of the real."""
    mixes = [(kind, vip, real) for kind in KINDS for vip in (4, 6) for real in (4, 6)] + [("dscp", 4, 4)]
    return dict(enumerate(mixes, 8000))


def config() -> str:
    """A service for each mix, each on a port of its own."""
    lines = ["services:"]
    for port, (kind, vip, real) in services().items():
        number = {"fou": f"tunnel-port: {FOU[vip]}, ", "gue": f"tunnel-port: {GUE}, "}.get(kind, "")
        number = f"tunnel-dscp: {DSCP}, " if kind == "dscp" else number
        lines.append(
            f'  - {{virtual: "{VIPS[vip]}", servers: ["{address("real", real)}"], tunnel-type: {kind}, '
            f"{number}interval: 2, timeout: 4, window: 1 of 1, path: /, policy: {{{port}/http: }}}}"
        )
    return "\n".join(lines) + "\n"


class FarLab:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.kernel = False  # the real's tunnels are the kernel's
        self.marks = True  # the real knows VIPs by their DSCP
        self._processes: list[Process] = []

    def run(self, host: str, *command: str | Path) -> str:
        return run(list(command), netns=self.names.netns(host))

    def up(self) -> None:
        self.names.state.mkdir(mode=0o755, exist_ok=True)
        run(["ip", "netns", "add", self.names.netns("router")])
        for host in NETS:
            self._join(host)
        for family, length in ((4, 32), (6, 128)):
            self._forward(family)
            gateway = address("lb", family)
            self.run("router", "ip", "route", "add", f"{VIPS[family]}/{length}", "via", gateway)
            self.run("real", "ip", "address", "add", f"{VIPS[family]}/{length}", "dev", "lo")
        self._listen()

    def _join(self, host: str) -> None:
        netns = self.names.netns(host)
        run(["ip", "netns", "add", netns])
        # From within: Linux 6.1 minds an eth0 where one asks.
        peer = ["peer", "name", "eth0", "netns", netns]
        self.run("router", "ip", "link", "add", host, "type", "veth", *peer)
        for family, length in ((4, 24), (6, 64)):
            nodad = ["nodad"] if family == 6 else []
            own, gateway = address(host, family), address(host, family, 1)
            self.run(host, "ip", "address", "add", f"{own}/{length}", "dev", "eth0", *nodad)
            self.run("router", "ip", "address", "add", f"{gateway}/{length}", "dev", host, *nodad)
        for inside, device in ((host, "eth0"), (host, "lo"), ("router", host)):
            self.run(inside, "ip", "link", "set", device, "up")
        # Frames as long as wires carry, with checksums: nothing of a veth's own.
        for inside, device in ((host, "eth0"), ("router", host)):
            self.run(inside, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        for family in (4, 6):
            self.run(host, "ip", "route", "add", "default", "via", address(host, family, 1))

    def _forward(self, family: int) -> None:
        name = "net.ipv4.ip_forward" if family == 4 else "net.ipv6.conf.all.forwarding"
        self.run("router", "sysctl", "-qw", f"{name}=1")
        for host in NETS:
            self.run(host, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0")
            self.run(host, "sysctl", "-qw", "net.ipv4.conf.default.rp_filter=0")

    def _listen(self) -> None:
        """The real's side of the tunnels, as docs/configuration.md has it, or the stand-in."""
        for module in MODULES:
            try:
                run(["modprobe", module])
            except (LabError, FileNotFoundError):
                continue
        try:
            self._kernels_own()
            self.kernel, self.marks = True, shutil.which("nft") is not None
            if self.marks:
                self._turn_back()
        except LabError as failure:
            print(f"the kernel's own tunnels are not to be had ({failure}): a stand-in")
            self.run("real", "ip", "link", "set", "eth0", "xdpgeneric", "obj", BUILD / "lab" / "decap.bpf.o",
                     "sec", "xdp")  # fmt: skip

    def _kernels_own(self) -> None:
        for device in ("tunl0", "sit0", "ip6tnl0", "gre0", "ip6gre0"):
            if device == "ip6tnl0":
                self.run("real", "ip", "-6", "tunnel", "change", "ip6tnl0", "mode", "any")
            self.run("real", "ip", "link", "set", device, "up")
            self.run("real", "sysctl", "-qw", f"net.ipv4.conf.{device}.rp_filter=0")
        for over in ([], ["-6"]):
            self.run("real", "ip", "fou", "add", "port", str(FOU[4]), "ipproto", "4", *over)
            self.run("real", "ip", "fou", "add", "port", str(FOU[6]), "ipproto", "41", *over)
            self.run("real", "ip", "fou", "add", "port", str(GUE), "gue", *over)

    def _turn_back(self) -> None:
        vip, own = VIPS[4], address("real")
        for words in (
            "add table ip vc5",
            "add chain ip vc5 pre { type filter hook prerouting priority raw; }",
            f"add rule ip vc5 pre ip dscp {DSCP} ip daddr {own} ip daddr set {vip}",
        ):
            self.run("real", "nft", words)

    def clamp(self, port: int, mss: int) -> None:
        """The real's SYN-ACK says no more, as `mss-clamp` wants it."""
        for words in (
            "add table inet clamp",
            "add chain inet clamp output { type filter hook output priority mangle; }",
            f"add rule inet clamp output tcp sport {port} tcp flags syn tcp option maxseg size set {mss}",
        ):
            self.run("real", "nft", words)

    def ports(self) -> list[int]:
        """Of the services that this lab's real can have."""
        return [port for port, (kind, _, _) in services().items() if kind != "dscp" or self.marks]

    def start(self) -> None:
        """The server, and vc5d on the configuration."""
        state = self.names.state
        (state / "config.yaml").write_text(config())
        run([COMMANDS / "vc5c", state / "config.yaml", "-o", state / "config.json"])
        ports = [str(port) for port in services()]
        python = COMMANDS / "python"
        self._start("real", [python, ROOT / "tests" / "lab" / "uploads.py", *ports])
        options: list[str | Path] = ["--pin", self.names.pins, "--socket", self.socket, "--no-announce"]
        options += ["--object", BUILD / "vc5.bpf.o", "--mode", "generic", "--state", state, "--web", "none"]
        self._start("lb", [COMMANDS / "vc5d", *options, state / "config.json", "eth0"])

    def _start(self, host: str, command: list[str | Path]) -> None:
        log = self.names.state / f"{host}.log"
        self._processes.append(start(host, command, log, self.names.netns(host)))

    @property
    def socket(self) -> Path:
        return self.names.state / "vc5d.sock"

    def status(self) -> dict[str, Any]:
        """As `vc5ctl status --json` has it, without starting one each time."""
        try:
            return dict(ask(self.socket, "status"))
        except Vc5Error:
            return {"services": {}, "reasons": {}}

    def states(self) -> dict[int, str]:
        """By port, of each service's one real."""
        found = {}
        for name, service in self.status()["services"].items():
            (real,) = service["reals"].values()
            found[int(name.rsplit(":", 2)[1])] = str(real["state"])
        return {port: found[port] for port in self.ports() if port in found}

    def all_accept(self, timeout: float = 120) -> None:
        wanted = dict.fromkeys(self.ports(), "accepting")
        try:
            wait_until("every real accepts", lambda: self.states() == wanted, timeout, every=0.3)
        except LabError as failure:
            told = "\n".join(process.last_words(12) for process in self._processes)
            raise LabError(f"{failure}: {self.states()}\n{told}") from None

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.stop()


@contextmanager
def far_lab(names: Names) -> Iterator[FarLab]:
    lab = FarLab(names)
    try:
        lab.up()
        lab.start()
        yield lab
    finally:
        lab.stop()
