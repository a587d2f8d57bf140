"""A real in another network, in namespaces: client and router, load balancer, real.

client and router ── load balancer (the XDP program, on a veth)
        └─────────── real: the kernel's own tunnel devices; it answers the client directly
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab import switch
from lab.host import inside, run
from lab.plan import BUILD
from vc5d import link

from tests.bpf.kernel import Kernel
from tests.bpf.model import Balancer, Real, Service, Tunnel
from tests.bpf.packets import TCP
from tests.bpf.place import place

PORTS = {
    "fou": {4: 5555, 6: 5556},
    "gue": {4: 6080, 6: 6080},
}  # by the VIP's family: FOU does not say its own
VIPS = {4: "192.0.2.80", 6: "2001:db8:80::1"}
CLIENTS = {4: "10.99.0.2", 6: "2001:db8:99::2"}
REALS = {4: "10.77.0.9", 6: "2001:db8:77::9"}
SOURCES = {4: "10.1.10.1", 6: "2001:db8:10::1"}
GATEWAYS = {4: ("10.1.10.254", "10.77.0.1"), 6: ("2001:db8:10::fe", "2001:db8:77::1")}
LENGTHS = {4: (24, 32), 6: (64, 128)}  # of a network's prefix, of an address
_SHIM = {"ipip": 0, "gre": 4, "fou": 8, "gue": 12}

# On a real, as docs/configuration.md says: device and commands, by the families outside and inside.
_IPIP = {
    (4, 4): ("tunl0", ("modprobe ipip",)),
    (4, 6): ("sit0", ("modprobe sit",)),
    (6, 4): ("ip6tnl0", ("modprobe ip6_tunnel", "ip -6 tunnel change ip6tnl0 mode any")),
    (6, 6): ("ip6tnl0", ("modprobe ip6_tunnel", "ip -6 tunnel change ip6tnl0 mode any")),
}
_GRE = {4: ("gre0", ("modprobe ip_gre",)), 6: ("ip6gre0", ("modprobe ip6_gre",))}


@dataclass(frozen=True)
class Case:
    """type: as in the configuration. outside, inside: the real's IP version and the VIP's."""

    type: str
    outside: int
    inside: int

    @property
    def port(self) -> int:
        return PORTS[self.type][self.inside] if self.type in PORTS else 0

    @property
    def overhead(self) -> int:
        return (20 if self.outside == 4 else 40) + _SHIM[self.type]

    def device(self) -> tuple[str, list[str]]:
        """What the real needs, and which device packets come out of."""
        if self.type == "gre":
            name, commands = _GRE[self.outside]
            return name, [*commands, f"ip link set {name} up"]
        name, commands = _IPIP[self.outside, self.inside]
        words = [*commands, f"ip link set {name} up"]
        if self.type in PORTS:
            six = " -6" if self.outside == 6 else ""
            what = "gue" if self.type == "gue" else f"ipproto {4 if self.inside == 4 else 41}"
            words += [f"modprobe fou{'6' if six else ''}", f"ip fou add port {self.port} {what}{six}"]
        return name, words


@dataclass(frozen=True)
class Far:
    """The namespaces, by who is in them."""

    client: str
    balancer: str
    real: str

    def on(self, netns: str, *commands: str) -> None:
        for command in commands:
            run(command.split(), netns=netns)

    def mac(self, netns: str, device: str) -> bytes:
        shown = run(["ip", "-n", netns, "-br", "link", "show", device])
        return bytes.fromhex(shown.split()[2].replace(":", ""))


@contextmanager
def network() -> Iterator[Far]:
    """All of it up, but for the tunnel's end and the program."""
    far = Far(*(f"vc5-far-{os.getpid()}-{name}" for name in ("client", "balancer", "real")))
    try:
        for netns in (far.client, far.balancer, far.real):
            run(["ip", "netns", "add", netns])
            switched = {
                "ipv4/ip_forward": 1,
                "ipv6/conf/all/forwarding": 1,
                "ipv6/conf/default/accept_dad": 0,
            }
            for name in ("all", "default"):
                switched[f"ipv4/conf/{name}/rp_filter"] = 0
            lines = [f"echo {value} >/proc/sys/net/{name}" for name, value in switched.items()]
            run(["sh", "-e"], stdin="\n".join(lines), netns=netns)
            far.on(netns, "ip link set lo up")
        _cables(far)
        _routes(far)
        yield far
    finally:
        for netns in (far.client, far.balancer, far.real):
            subprocess.run(["ip", "netns", "del", netns], check=False)


def _cables(far: Far) -> None:
    run(f"ip link add lb netns {far.client} type veth peer name eth0 netns {far.balancer}".split())
    run(f"ip link add real netns {far.client} type veth peer name eth0 netns {far.real}".split())
    for netns, device in (
        (far.client, "lb"),
        (far.client, "real"),
        (far.balancer, "eth0"),
        (far.real, "eth0"),
    ):
        far.on(netns, f"ip link set {device} up")
        switch.plain_frames(netns, device)
    # What the load balancer sends by XDP_TX arrives here only because there is a program here too.
    far.on(far.client, f"ip link set dev lb xdp obj {BUILD}/lab/pass.bpf.o sec xdp")


def _routes(far: Far) -> None:
    for version, (network, host) in LENGTHS.items():
        near, away = GATEWAYS[version]
        nodad = " nodad" if version == 6 else ""
        ends = (
            (far.client, f"{near}/{network} dev lb"),
            (far.client, f"{away}/{network} dev real"),
            (far.client, f"{CLIENTS[version]}/{host} dev lo"),
            (far.balancer, f"{SOURCES[version]}/{network} dev eth0"),
            (far.real, f"{REALS[version]}/{network} dev eth0"),
            (far.real, f"{VIPS[version]}/{host} dev lo"),
        )
        for netns, address in ends:
            far.on(netns, f"ip address add {address}{nodad}")
        far.on(
            far.client, f"ip route add {VIPS[version]}/{host} via {SOURCES[version]} src {CLIENTS[version]}"
        )
        far.on(far.real, f"ip -{version} route add default via {away}")


@contextmanager
def balancing(far: Far, case: Case) -> Iterator[Kernel]:
    """The program on the load balancer's interface, with one service of one real behind the tunnel."""
    fits = 1500 - case.overhead
    tunnel = Tunnel(case.type, SOURCES[case.outside], case.port, mtu=fits)
    real = Real(7, REALS[case.outside], mac=far.mac(far.client, "lb"), tunnel=tunnel)
    kernel = Kernel(BUILD / "vc5.bpf.o")
    place(Balancer([Service(VIPS[case.inside], 80, TCP, [real], [0] * 31)]), kernel)
    index = int(run(["ip", "-n", far.balancer, "-o", "link", "show", "eth0"]).split(":")[0])
    with inside(far.balancer):
        attached = link.create(kernel.prog_fd, index, "eth0", "native")
    try:
        yield kernel
    finally:
        attached.detach()
        attached.close()
        kernel.close()
