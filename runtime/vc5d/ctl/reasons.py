"""Why packets were not forwarded: each reason of the program in words, and what to do about it.

The words follow bpf/DESIGN.md. `pass_…` went to the host's own stack, `drop_…` nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """meaning: what such a packet is. remedy: what to look at if there are many; "": that is normal."""

    meaning: str
    remedy: str = ""


REASONS: dict[str, Words] = {
    "pass_not_ip": Words("neither IPv4 nor IPv6 behind at most one VLAN tag, such as ARP or LLDP"),
    "pass_not_unicast": Words("to a group or broadcast MAC"),
    "pass_not_ours": Words(
        "to another host's MAC",
        "a switch floods or mirrors frames to here; the log's `interface.macs` has this host's own MACs",
    ),
    "pass_unknown_vlan": Words(
        "with the tag of a VLAN that neither the document nor this host has",
        "if it is a VIP's traffic, add the VLAN to `vlans`, or take it off the switch's port",
    ),
    "pass_not_vip": Words("to no VIP: this host's own traffic"),
    "pass_no_document": Words("before the first document", "`vc5ctl reload` says what is wrong with it"),
    "pass_at_real": Words(
        "to its real's own MAC already",
        "this host is the real",
    ),
    "pass_neighbor_discovery": Words("ICMPv6 neighbor discovery to a VIP, which the host answers"),
    "drop_blocked": Words(
        "from a blocked source prefix", "`block` and `defcon` in the configuration say which are"
    ),
    "drop_malformed": Words(
        "to a VIP, cut short or with lengths that contradict each other",
        "an attack, or a broken NIC or tunnel on the way: `vc5ctl trace --drops --pcap FILE` keeps some",
    ),
    "drop_fragment": Words(
        "a fragment whose first one was not seen here",
        "routers may spread fragments: hash by addresses only for them, or avoid fragments (MTU, MSS)",
    ),
    "drop_unknown_port": Words(
        "to a VIP, but to none of its services", "scanners do this; a service may be missing in the document"
    ),
    "drop_protocol": Words("to a VIP, neither TCP, UDP nor ICMP, or with IPv6 headers that are not walked"),
    "drop_icmp": Words("to a VIP, ICMP that is no echo request and no error about a service's flow"),
    "drop_vip_down": Words("an echo request to a VIP that is not up", "`vc5ctl vips` says why it is not"),
    "drop_echo_limit": Words("more echo requests than are answered in a second", "somebody pings hard"),
    "drop_no_real": Words(
        "to a service without a real that accepts", "`vc5ctl reals` says why each does not"
    ),
    "drop_no_neighbor": Words(
        "to a real whose MAC is not known", "`vc5ctl reals` shows which; is it up, and in this VLAN?"
    ),
    "drop_too_big": Words(
        "longer than its tunnel takes, and of a kind that is not answered (ICMP errors, later fragments)",
        "raise the MTU on the way to the reals, or lower it on theirs: docs/configuration.md, Tunnels",
    ),
    "drop_too_big_limit": Words(
        "longer than its tunnel takes, and more such than are answered in a second",
        "clients do not hear the answers: `mss-clamp`, or a larger MTU on the way to the reals",
    ),
    "drop_rewrite": Words(
        "the driver had no room for a VLAN tag or a tunnel's headers",
        "another NIC driver, or --mode generic; `vc5ctl doctor`",
    ),
    "drop_internal": Words("the maps contradict each other", "a defect: please report it with the log"),
    "answer_echo": Words("an echo request to a VIP, answered here"),
    "answer_too_big": Words(
        "longer than its tunnel takes: the client was told what fits (path MTU discovery)",
        "a larger MTU on the way to the reals, or `mss-clamp`, saves it the round trip",
    ),
    "note_not_stored": Words(
        "no verdict: forwarded, but a flow was not stored, since inserts are limited",
        "a flood of new flows; those of a real that drains or returns may move",
    ),
}
UNKNOWN = Words("not known to this vc5ctl", "vc5d is of another version: use the vc5ctl that came with it")


def words(reason: str) -> Words:
    return REASONS.get(reason, UNKNOWN)
