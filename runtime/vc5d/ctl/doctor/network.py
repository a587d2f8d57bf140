"""VLANs and reals: what is around this host, against the document."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

from . import bird
from .finding import Finding, Findings, fail, ok, warn
from .gather import Host
from .nics import rp_filter


def judge(host: Host) -> Findings:
    if host.document is None:
        return [_no_document(host), *bird.judge(host)]
    return [*_reload(host), *_vlans(host), *_own_vips(host), *_reals(host), *bird.judge(host)]


def _no_document(host: Host) -> Finding:
    if host.refused_document:
        return fail(
            "document",
            host.why_no_document,
            "the next start of vc5d fails by it, and so does a reload; VLANs and reals are not looked at",
            "compile the configuration again with vc5c, and copy the document here; then: vc5ctl reload",
        )
    return warn(
        "document",
        host.why_no_document,
        "without it VLANs and reals are not looked at",
        "vc5ctl doctor --document config.json",
    )


def _reload(host: Host) -> Findings:
    failure = (host.status or {}).get("reload_failure")
    if failure:
        return [
            fail(
                "document",
                f"the last reload failed: {failure['message']}",
                "vc5d runs an older document than the file has",
                f"{failure['hint'] or 'mend it'}; then: vc5ctl reload",
            )
        ]
    if host.status and host.document and host.status["digest"] != host.document.digest:
        return [
            warn(
                "document",
                "the file is another document than the one that runs",
                "a change that was copied here does nothing before a reload",
                "vc5ctl reload",
            )
        ]
    return [ok("document", "it can be read" + (", and is the one that runs" if host.status else ""))]


def _vlans(host: Host) -> Findings:
    found = []
    vlans = [*host.document.vlans.items(), *host.document.vlans6.items()] if host.document else []
    for number, prefix in vlans:
        network = ip_interface(prefix).network
        inside = [name for name, address in host.addresses if ip_address(address) in network]
        if inside:
            found.append(ok("VLANs", f"VLAN {number} ({network}): {', '.join(sorted(set(inside)))}"))
            found += [rp_filter(host, name) for name in sorted(set(inside) - host.nics.keys())]
        else:
            found.append(
                fail(
                    "VLANs",
                    f"no interface has an address in VLAN {number} ({network})",
                    "its reals are found by such an address: they cannot be checked, and get nothing",
                    f"ip link add link IFACE name IFACE.{number} type vlan id {number} && "
                    f"ip address add ADDRESS/{network.prefixlen} dev IFACE.{number} && "
                    f"ip link set IFACE.{number} up",
                )
            )
    return found


def _own_vips(host: Host) -> Findings:
    own = {address: name for name, address in host.addresses}
    return [
        fail(
            "VIPs",
            f"{vip} is an address of this host, on {own[vip]}",
            "checks of it would ask this host itself, so none are made, and it is never up",
            f"ip address del {vip}/{128 if ':' in vip else 32} dev {own[vip]}",
        )
        for vip in (host.document.vips if host.document else ())
        if vip in own
    ]


def _reals(host: Host) -> Findings:
    """A MAC is known to vc5d, or to the kernel, or given by the document."""
    if host.document is None:
        return []
    told = {
        address
        for service in (host.status or {}).get("services", {}).values()
        for address, real in service.get("reals", {}).items()
        if real.get("mac")
    }
    missing = [
        real
        for real, neighbor in host.document.neighbors.items()
        if not neighbor.mac and real not in told and (host.status or real not in host.neighbors)
    ]
    if not missing:
        return [ok("reals", f"the MACs of all {len(host.document.neighbors)} are known")]
    shown = ", ".join(sorted(missing)[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    if host.status is None:
        return [
            warn(
                "reals",
                f"the MACs of {len(missing)} are not known to the kernel: {shown}",
                "vc5d asks for them when it runs; one that never answers gets no traffic",
                f"ping -c 1 {sorted(missing)[0]}; ip neigh show {sorted(missing)[0]}",
            )
        ]
    return [
        fail(
            "reals",
            f"the MACs of {len(missing)} are not known: {shown}",
            "nothing can be sent to them: they answer neither ARP nor neighbor solicitations",
            f"ping -c 1 {sorted(missing)[0]}; ip neigh show {sorted(missing)[0]}",
        )
    ]
