"""`sharing`: with whom load balancers share flows, and how, beside `multicast`."""

from __future__ import annotations

from typing import Any

from vc5c.addresses import read_address
from vc5c.fields import Fields
from vc5c.problems import Problems
from vc5c.tree import Node


def build_sharing(node: Node | None, problems: Problems) -> dict[str, Any]:
    """As the document has it: what is given, addresses in their canonical spelling."""
    own, sharing = Fields(node), dict[str, Any]()
    for word in own.words("peers") or ():
        address = read_address(word.text)
        if address is None:
            problems.error("bad-address", f"`{word.text}` is not an IP address", word.place)
        elif address.unfit:
            message = f"{address} cannot be a load balancer: {address.unfit}"
            problems.error("not-unicast", message, word.place)
        elif str(address) not in sharing.setdefault("peers", []):
            sharing["peers"].append(str(address))
    sharing |= {key: own.whole(key) for key in ("port", "ttl") if own.node(key) is not None}
    if own.node("interface") is not None:
        sharing["interface"] = own.text("interface")
    return sharing
