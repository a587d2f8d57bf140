"""An event as a paragraph: each decision of the program a line, in the order in which it was made.

The rows are those of bpf/DESIGN.md's state table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..reasons import words
from ..terminal import Paint, printable

Step = Mapping[str, Any]
_LABEL = 9

ROWS = {
    1: "the flow is in the flow table, and its real is alive: it stays there",
    2: "a SYN of a flow that is in the flow table: it goes where the first one went",
    3: "a new flow that the table would not answer so: chosen, and stored",
    4: "a new flow that the table answers for: chosen, nothing stored",
    5: "in transition, and no entry: the flow is older than the change, and its previous owner's; stored",
    6: "in transition, and its entry's real is gone: the previous owner's",
    7: "no living entry: the owner's, which is alive",
    8: "no living entry, and the owner is down: chosen, nothing stored, so that it comes back with the owner",
}
_TABLES = {"tcp": "established TCP flows", "syn": "half-open TCP flows", "udp": "UDP flows"}


def paragraph(event: Mapping[str, Any], paint: Paint) -> str:
    """Ends with a newline."""
    lines = [paint("bold", headline(event)), *_decisions(event), _verdict(event, paint)]
    return "\n".join(lines) + "\n"


def comment(event: Mapping[str, Any]) -> str:
    """The same for a capture file."""
    return "\n".join(line.strip() for line in (*_decisions(event), _verdict(event, Paint())))


def headline(event: Mapping[str, Any]) -> str:
    moment = event["time"]
    clock = time.strftime("%H:%M:%S", time.localtime(moment)) + f"{moment % 1:.6f}"[1:]
    where = f"{printable(event['interface'])} cpu {event['cpu']}"
    return f"{clock} {where}: {_flow(event)}, {event['length_before']} bytes"


def _flow(event: Mapping[str, Any]) -> str:
    if event["source"] is None:
        return "not read as IP"
    ends = (
        _endpoint(event["source"], event["sport"]),
        _endpoint(event["destination"], event["dport"]),
    )
    protocol = event["protocol"]
    name = "IP" if protocol == "0" else protocol.upper() if not protocol.isdigit() else f"protocol {protocol}"
    return f"{name} {' > '.join(ends)}"


def _endpoint(address: str, port: int) -> str:
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _decisions(event: Mapping[str, Any]) -> list[str]:
    lines = []
    for step in event["steps"]:
        said = _LINES.get(step["step"])
        label, text = said(step) if said else (step["step"], "")
        if text:
            lines.append(_line(label, printable(text)))
    return lines


def _line(label: str, text: str) -> str:
    return f"    {label:{_LABEL}} {text}"


def _verdict(event: Mapping[str, Any], paint: Paint) -> str:
    if event["forwarded"]:
        out = "redirected" if event["verdict"] == "redirect" else "sent back out of the same interface"
        return _line("verdict", paint("green", f"{out}, {event['length_after']} bytes"))
    reason = event["reason"] or "unknown"
    style, out = {
        "drop": ("red", "dropped"),
        "pass": ("yellow", "passed to this host"),
        "tx": ("green", "answered"),
    }.get(event["verdict"], ("red", event["verdict"]))
    return _line("verdict", paint(style, f"{out}, {reason}: {words(reason).meaning}"))


def _real(step: Step) -> str:
    return step.get("real") or "no real"


def _state(step: Step) -> str:
    looks = "; some flows of its slots may be elsewhere (consult)" if step["consult"] else ""
    return f"{_real(step)}, {step['state']}{looks}"


def _service(step: Step) -> tuple[str, str]:
    name = f" ({step['name']})" if step["name"] else ""
    return "service", f"{step['service'] or 'one that has just left the document'}{name}"


def _probe(step: Step) -> tuple[str, str]:
    before = f", after {step['probe']} whose real does not accept" if step["probe"] else ""
    return "probe", f"{step['probe']}: slot {step['slot']}, {_real(step)} accepts{before}"


def _link(step: Step) -> tuple[str, str]:
    if step["mac"] == "00:00:00:00:00:00":
        return "link", "its MAC is not known"
    return "link", f"MAC {step['mac']}, " + (f"VLAN {step['vlan']}" if step["vlan"] else "untagged")


def _tunnel(step: Step) -> tuple[str, str]:
    kind = step["tunnel"]
    more = {"dscp": f" {step['dscp']}"}.get(kind, f" to port {step['port']}" if step["port"] else "")
    fits = f", {step['mtu']} bytes fit" if step["mtu"] else ""
    return "tunnel", f"{kind}{more}{fits}; the MAC is the next hop's"


_LINES: dict[str, Callable[[Step], tuple[str, str]]] = {
    "service": _service,
    "any_port": lambda step: ("service", f"{_service(step)[1]}, which takes any port"),
    "icmp_error": lambda step: ("icmp", f"an error about the {step['protocol'].upper()} flow inside it"),
    "fragment": lambda step: (
        "fragment",
        f"a later one, whose first went to {_real(step)}" if step["real"] else "its first one was not seen",
    ),
    "hash": lambda step: ("hash", step["hash"]),
    "slot": lambda step: ("slot", f"{step['slot']} of the service's table, {step['state']}"),
    "owner": lambda step: ("owner", _state(step)),
    "fast": lambda _: ("answer", "the owner: the slot is clear and it accepts, so nothing is looked up"),
    "entry": lambda step: ("entry", f"{_real(step)}, among {_TABLES.get(step['table'], step['table'])}"),
    "entry_gone": lambda _: ("entry", "there is one, but it is too old or its real may not have this packet"),
    "no_entry": lambda _: ("entry", "none in the flow table"),
    "row": lambda step: (f"row {step['row']}", ROWS.get(step["row"], "")),
    "previous_owner": lambda step: ("previous", f"owner before the change: {_state(step)}"),
    "probe": _probe,
    "list": lambda step: ("list", f"no probe met a real that accepts; from the list of those: {_real(step)}"),
    "loads": lambda step: (
        "loads",
        f"of two reals the less loaded: {step['first']} against {step['second']}",
    ),
    "stored": lambda step: ("stored", f"among {_TABLES.get(step['table'], step['table'])}"),
    "not_stored": lambda _: ("stored", "not: the limit of inserts in this second is reached"),
    "forgotten": lambda _: ("stored", "no more: the table answers for the flow from now on"),
    "real": lambda step: ("real", _real(step)),
    "link": _link,
    "tunnel": _tunnel,
    "reason": lambda _: ("reason", ""),  # the verdict's line has it
}
