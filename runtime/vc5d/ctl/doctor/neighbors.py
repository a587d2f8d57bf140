"""The kernel's neighbor table: one for all interfaces and network namespaces of a host, 1,024 entries by
default. When it is full, new neighbors are not found, whoever asks: health checks of the last reals fail with
`no buffer space available`, and a router or another load balancer may be lost as well.
"""

from __future__ import annotations

from .finding import Finding, Findings, fail, ok
from .gather import Host

_SPARE = 1.25  # of the reals: routers, other load balancers, and what else is on these networks
_FAMILIES = {4: "ipv4", 6: "ipv6"}


def judge(host: Host) -> Findings:
    return [finding for version in _FAMILIES for finding in _family(host, version)]


def _family(host: Host, version: int) -> list[Finding]:
    """Nothing is said where the table's size is not to be seen, as in a network namespace."""
    name = f"net.{_FAMILIES[version]}.neigh.default.gc_thresh"
    size = host.text(f"/proc/sys/{name.replace('.', '/')}3")
    reals = [
        real for real in (host.document.neighbors if host.document else ()) if (":" in real) == (version == 6)
    ]
    if not size.isdigit() or not reals:
        return []
    wanted = int(_SPARE * len(reals))
    if int(size) >= wanted:
        return [ok("neighbors", f"IPv{version}: the kernel keeps up to {size}; {len(reals)} are reals")]
    sizes = " ".join(f"{name}{number}={wanted * number}" for number in (1, 2, 3))
    return [
        fail(
            "neighbors",
            f"IPv{version}: the kernel keeps at most {size}; {len(reals)} reals want room for {wanted}",
            "when its table is full, neighbors are not found: checks fail with `no buffer space available`",
            f"sysctl -w {sizes}    # and in /etc/sysctl.d",
        )
    ]
