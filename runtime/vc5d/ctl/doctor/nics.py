"""The interfaces that the program runs on, or is to."""

from __future__ import annotations

from .finding import Finding, Findings, fail, ok, warn
from .gather import Host, Nic

# Drivers with native XDP and XDP_TX, of Debian's kernels.
_NATIVE = """
bnxt_en bond bonding ena enetc fsl_dpaa2_eth fun gve hv_netvsc i40e ice igb igc ixgbe ixgbevf mana
mlx4_en mlx5_core mvneta mvpp2 nfp octeontx2 qede sfc stmmac thunder-nicvf tsnep tun veth virtio_net
vmxnet3
"""
NATIVE = frozenset(_NATIVE.split())
_MOST_MTU = 3498  # a frame with headroom in one page, as most drivers need it without multi-buffer XDP
_HARMFUL = {
    "rxvlan": "the NIC takes VLAN tags off before XDP sees the frame: it is taken for untagged",
    "lro": "joined segments cannot be forwarded, and most drivers refuse native XDP with it",
}


def judge(host: Host) -> Findings:
    if not host.nics:
        return [
            warn(
                "interfaces",
                "none is known: no vc5d says which, and nothing is pinned",
                "their offloads and queues matter most",
                "vc5ctl doctor INTERFACE…",
            )
        ]
    return [finding for nic in host.nics.values() for finding in _nic(host, nic)]


def _nic(host: Host, nic: Nic) -> Findings:
    if not nic.there:
        return [
            fail(
                nic.name,
                "there is no such interface",
                "packets for VIPs arrive there; while one is missing, vc5d announces nothing",
                "ip -br link    # shows those that there are",
            )
        ]
    return [
        _link(nic),
        _driver(nic),
        *_mode(host, nic),
        *_offloads(nic),
        _mtu(nic),
        *_queues(host, nic),
        rp_filter(host, nic.name),
    ]


def _link(nic: Nic) -> Finding:
    if nic.up:
        return ok(nic.name, "it is up")
    return fail(nic.name, "its link is down", "nothing arrives", f"ip link set {nic.name} up; the cable")


def _driver(nic: Nic) -> Finding:
    if nic.mode == "native" or nic.driver in NATIVE:
        return ok(nic.name, f"driver {nic.driver or 'unknown'}, with native XDP")
    return warn(
        nic.name,
        f"driver {nic.driver or 'unknown'}: not known to have native XDP",
        "generic XDP works on every driver, and costs more a packet",
        "a NIC with native XDP (such as i40e, ice, ixgbe, mlx5_core, ena), or live with --mode generic",
    )


def _mode(host: Host, nic: Nic) -> Findings:
    if nic.mode == "native" and nic.driver == "veth":
        return [
            warn(
                nic.name,
                "a veth with the program in native mode",
                "what it sends back is lost unless the other end runs XDP as well",
                "vc5d --uninstall, then start with --mode generic",
            )
        ]
    if nic.mode == "generic" and nic.driver in NATIVE - {"veth"}:
        return [
            warn(
                nic.name,
                "the program runs in generic mode, and the driver has native",
                "every packet costs more",
                "vc5d --uninstall    # then start vc5d again: an attached program keeps its mode",
            )
        ]
    if host.status and not nic.mode:
        return [
            fail(
                nic.name,
                "the program is not on it, though vc5d runs",
                "packets for VIPs go to this host's own stack",
                "vc5ctl status, and vc5d's log: interface.refused says why",
            )
        ]
    return [ok(nic.name, f"the program runs in {nic.mode} mode")] if nic.mode else []


def _offloads(nic: Nic) -> Findings:
    """vc5d turns them off when it attaches: only where it has are they somebody else's doing."""
    judged = fail if nic.mode else warn
    found = [
        judged(
            nic.name,
            f"{name} is on",
            why,
            f"ethtool -K {nic.name} {name} off    # vc5d does this at its start",
        )
        for name, why in _HARMFUL.items()
        if name in nic.offloads
    ]
    return found or [ok(nic.name, "rxvlan and LRO are off; GRO comes after XDP and does no harm")]


def _mtu(nic: Nic) -> Finding:
    if nic.mtu <= _MOST_MTU:
        return ok(nic.name, f"MTU {nic.mtu}")
    return warn(
        nic.name,
        f"MTU {nic.mtu}",
        "frames of more than a page need multi-buffer XDP: most drivers refuse native mode",
        f"ip link set {nic.name} mtu {_MOST_MTU}    # or less",
    )


def _queues(host: Host, nic: Nic) -> Findings:
    if nic.queues >= host.cpus or nic.driver in ("veth", "tun", "bond", "bonding", ""):
        return [ok(nic.name, f"{nic.queues} receive queues for {host.cpus} CPUs"), *_irqbalance(host, nic)]
    return [
        warn(
            nic.name,
            f"{nic.queues} receive queues for {host.cpus} CPUs",
            "a queue's packets are handled by one CPU: the others do nothing",
            f"ethtool -L {nic.name} combined {host.cpus}    # as many as the NIC has: ethtool -l {nic.name}",
        ),
        *_irqbalance(host, nic),
    ]


def _irqbalance(host: Host, nic: Nic) -> Findings:
    """One queue needs no spreading; several do: by irqbalance once, or by hand."""
    if nic.queues < 2 or host.cpus < 2 or nic.driver in ("veth", "tun", ""):
        return []
    interrupts = host.text("/proc/interrupts").splitlines()
    own = [line.split() for line in interrupts if nic.name in line]
    busy = {
        max(range(host.cpus), key=lambda cpu: int(line[1 + cpu]))
        for line in own
        if len(line) > host.cpus and all(cell.isdigit() for cell in line[1 : 1 + host.cpus])
    }
    if not own or len(busy) > 1:
        return []
    return (
        [
            warn(
                nic.name,
                f"all its {len(own)} interrupts are handled by CPU {min(busy)}",
                "the queues are spread over CPUs only if their interrupts are",
                "apt install irqbalance && irqbalance --oneshot    # moving them later costs caches",
            )
        ]
        if busy
        else []
    )


def rp_filter(host: Host, name: str) -> Finding:
    """The kernel takes the larger of the interface's and `all`."""
    if max(host.rp_filters.get(name, 0), host.rp_filters.get("all", 0)) != 1:
        return ok(name, "rp_filter is not strict")
    return fail(
        name,
        "rp_filter is strict (1)",
        "answers to health checks come from the VIP, which is routed elsewhere: the kernel drops them",
        f"sysctl net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.{name}.rp_filter=0    # vc5d does the latter",
    )
