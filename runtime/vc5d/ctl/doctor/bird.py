"""BIRD: whether it runs, has learned what vc5d announces, and tells the routers."""

from __future__ import annotations

from ...announce.bird_client import Protocol, Session
from .finding import Finding, Findings, fail, ok, warn
from .gather import Host

# What BIRD says of a session that is not up: its words, and what mends that.
_FIXES = (
    ("Bad peer AS", "AS numbers differ: bgp.as_number and peer_as in the YAML, and the router's neighbor"),
    ("Authentication", "passwords differ: bgp.password in the YAML, and the router's neighbor"),
    (
        "Connection refused",
        "on the router: is BGP on, and is this host's address a neighbor there?",
    ),
    (
        "No listening socket",
        "on this host: no address as the session's `local`; vc5c --emit bird --source ADDRESS",
    ),
    (
        "Connection closed",
        "the router ends it, and its log says why: is this host a neighbor there, by its AS?",
    ),
    ("BFD", "on the router: BFD for this neighbor, single hop (docs/configuration.md, bgp)"),
    ("No route to host", "the router is not there: ip neigh; the peer's address, cable, VLAN"),
    ("Network is unreachable", "no interface here has an address in the peer's network: ip address"),
)


def judge(host: Host) -> Findings:
    wanted = bool(host.document and host.document.bgp)
    if host.bird.why:
        level = fail if wanted else warn
        fix = host.bird.fix or "systemctl status bird"
        return [
            level(
                "BIRD",
                host.bird.why,
                "without BGP no router sends packets here",
                f"{fix}. Its configuration: vc5c --emit bird",
            )
        ]
    found = [_session(each, host.protocols) for each in host.bird.sessions]
    if not found:
        found.append(
            fail(
                "BIRD",
                "it has no BGP session",
                "no router hears of the VIPs",
                "bgp: peers: in the YAML; vc5c --emit bird … -o /etc/bird/bird.conf; then: birdc configure",
            )
        )
    return [*found, *_learned(host), *_exported(host)]


def _session(session: Session, protocols: tuple[Protocol, ...]) -> Finding:
    if session.up:
        return ok("BIRD", f"{session.name}: {session.info}")
    why = "this router sends nothing here"
    if any(each.name == session.name and each.state == "down" for each in protocols):
        return fail("BIRD", f"{session.name} is disabled", why, f"birdc enable {session.name}")
    said = " ".join(session.info.split())
    fix = next((fix for words, fix in _FIXES if words in said), "the peer's address, AS and password")
    return fail(
        "BIRD",
        f"{session.name} is not established: {said or 'no reason given'}",
        why,
        f"{fix}; birdc show protocols all {session.name}",
    )


def _learned(host: Host) -> Findings:
    absent = sorted(host.routes.keys() - host.in_bird)
    if not host.routes:
        return []
    if not absent:
        return [ok("BIRD", f"it has learned all {len(host.routes)} announced VIPs")]
    why, fix = _why_not_learned(host)
    shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
    return [
        fail("BIRD", f"it has not learned {shown}: {why}", "no router hears of what it has not learned", fix)
    ]


def _why_not_learned(host: Host) -> tuple[str, str]:
    """In words, and what to do."""
    kernels = [each for each in host.protocols if each.kind == "Kernel"]
    emit = "vc5c --emit bird writes it; then: birdc configure"
    if not kernels:
        return "it has no `protocol kernel`", emit
    if down := [each.name for each in kernels if each.state == "down"]:
        return f"{', '.join(down)} is disabled", "; ".join(f"birdc enable {name}" for name in down)
    refusing = [each for each in kernels if each.filtered or set(each.filters) == {"REJECT"}]
    if refusing:
        names = ", ".join(f"{each.name} ({', '.join(each.filters)})" for each in refusing)
        return (
            f"the import filter of {names} refuses it",
            f"let it accept krt_source 205 and 206, vc5d's protocols: {emit}",
        )
    return (
        f"no `protocol kernel` here has `learn` and `kernel table {host.table}`",
        f"vc5d's routes are in that table (--table), of protocol 205: {emit}",
    )


def _exported(host: Host) -> Findings:
    """A VIP may be for some peers only; but a session that tells nothing at all tells too little."""
    if not host.in_bird:
        return []
    up = {each.name for each in host.bird.sessions if each.up}
    silent = [each.name for each in host.protocols if each.name in up and not each.exported]
    level = fail if len(silent) == len(up) else warn
    return [
        level(
            "BIRD",
            f"{name} is established and tells its router of no VIP",
            f"BIRD has learned {len(host.in_bird)}, and the session's export filter refuses all",
            f"`Output filter` in birdc show protocols all {name}; vc5c --emit bird; then: birdc configure",
        )
        for name in silent
    ]
