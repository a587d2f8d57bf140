"""What the data path must do, again in plain Python: docs/document.md's hashes, bpf/DESIGN.md's rules.

Shares no code with vc5d or vc5c, and was written from those two texts, not from the program.
"""

from .balancer import DROP, PASS, REDIRECT, TX, Balancer, Outcome
from .state import (
    ABSENT,
    ACCEPTING,
    CLEAR,
    CONSULT,
    DOWN,
    DRAINING,
    ICMP,
    ICMP6,
    NS,
    TCP,
    TRANSITION,
    UDP,
    Entry,
    First,
    Real,
    Service,
    Tunnel,
)

__all__ = [
    "ABSENT",
    "ACCEPTING",
    "CLEAR",
    "CONSULT",
    "DOWN",
    "DRAINING",
    "DROP",
    "ICMP",
    "ICMP6",
    "NS",
    "PASS",
    "REDIRECT",
    "TCP",
    "TRANSITION",
    "TX",
    "UDP",
    "Balancer",
    "Entry",
    "First",
    "Outcome",
    "Real",
    "Service",
    "Tunnel",
]
