"""The kernel's reasons (enum reason in bpf/vc5.h), in words for a person."""

from __future__ import annotations

WORDS = {
    "pass_not_ip": "neither IPv4 nor IPv6: ARP, LLDP, a header too short",
    "pass_not_unicast": "to a group or broadcast MAC",
    "pass_not_ours": "to another host's MAC: flooded or mirrored by a switch",
    "pass_unknown_vlan": "with a tag that neither the document nor this host knows",
    "pass_not_vip": "to an address that is no VIP",
    "pass_no_document": "no document was live yet",
    "pass_at_real": "to its real's own MAC already: this host is the real",
    "pass_neighbor_discovery": "IPv6 neighbor discovery for a VIP",
    "drop_blocked": "from a blocked source prefix",
    "drop_malformed": "truncated, or with lengths that contradict each other",
    "drop_fragment": "a fragment whose first one was not seen",
    "drop_unknown_port": "to a VIP's port that has no service",
    "drop_protocol": "to a VIP, with a protocol that is neither balanced nor answered",
    "drop_icmp": "an ICMP error about no flow of the services, or another type of ICMP",
    "drop_vip_down": "an echo request to a VIP that is not up",
    "drop_echo_limit": "more echo requests than are answered in a second",
    "drop_no_real": "no real of the service accepts",
    "drop_no_neighbor": "the real's MAC is not known yet",
    "drop_too_big": "does not fit into the tunnel, and cannot be answered",
    "drop_too_big_limit": "more that does not fit into a tunnel than is answered in a second",
    "drop_rewrite": "the kernel refused room for a tag or a tunnel's headers",
    "drop_internal": "the maps contradict each other: a defect",
    "answer_echo": "echo requests answered for a VIP",
    "answer_too_big": "did not fit into the tunnel: the client was told what does",
    "note_not_stored": "flows not stored, since inserts are limited",
}


def words(reason: str) -> str:
    """Of a reason that is new here: its name, readable."""
    return WORDS.get(reason) or reason.partition("_")[2].replace("_", " ")
