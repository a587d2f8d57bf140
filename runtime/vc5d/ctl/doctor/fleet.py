"""The other load balancers, as vc5d sees them."""

from __future__ import annotations

from ...fleet.running import shares
from .finding import Finding, Findings, fail, ok, warn
from .gather import Host


def judge(host: Host) -> Findings:
    if host.document is None or not shares(host.document) or host.status is None:
        return []
    fleet = host.status.get("fleet") or {}
    if not fleet.get("on"):
        return [
            fail(
                "fleet",
                f"flows are not shared: {fleet.get('why') or 'vc5d does not say why'}",
                "the document asks for it; flows that move here from another load balancer may break",
                "docs/sharing.md: the secret, the addresses, the port",
            )
        ]
    if not fleet["peers"]:
        return [
            warn(
                "fleet",
                "no other load balancer is heard",
                "if there are others: what they track is not known here, and the reverse",
                "compare secret, group and port; vc5_sharing_dropped_total says what came and was refused",
            )
        ]
    return [_agreement(fleet["documents"], len(fleet["peers"]), agreed=bool(fleet["agreed"]))]


def _agreement(documents: dict[str, int], peers: int, *, agreed: bool) -> Finding:
    if agreed:
        return ok("fleet", f"{peers} other load balancers, all with this document")
    counts = ", ".join(f"{digest[7:19]} on {count}" for digest, count in documents.items())
    return warn(
        "fleet",
        f"load balancers have {len(documents)} documents: {counts}",
        "meanwhile transitions do not end, and new reals that not all have take no new flows",
        "vc5ctl peers names them; roll out one document to all",
    )
