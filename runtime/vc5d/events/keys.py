"""The keys of events, and the fields of the Elastic Common Schema that each becomes.

What ECS has no field for goes under `vc5.`. https://www.elastic.co/guide/en/ecs/current/ecs-field-reference.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Fields = Mapping[str, object]


@dataclass(frozen=True)
class Key:
    """field: its name in ECS. more: the fields beside that one, from the value as text."""

    meaning: str
    field: str
    more: Callable[[str], Fields] = lambda _: {}
    value: Callable[[str], object] = str


def _service(text: str) -> Fields:
    address, port, protocol = text.rsplit(":", 2)
    number = {"destination.port": int(port)} if port.isdecimal() else {}
    return {"destination.ip": address.strip("[]"), "network.transport": protocol, **number}


def _mac(text: str) -> object:
    return text.upper().replace(":", "-")


def _whole(text: str) -> object:
    return int(text)


def _number(text: str) -> object:
    return float(text)


def _hash(text: str) -> object:
    return text.removeprefix("sha256:")


KEYS: Mapping[str, Key] = {
    "address": Key("where vc5d listens", "service.address"),
    "answers": Key("the MAC that ARP has for it", "vc5.answers", value=_mac),
    "arguments": Key("what was to be told to the data path", "vc5.arguments"),
    "at": Key("the way to a defect, outermost first", "error.stack_trace"),
    "changed": Key("whether the document is another one", "vc5.changed"),
    "check": Key("type and port of a check, as in `http:80`", "vc5.check"),
    "checks": Key("how many checks since it was told last", "vc5.checks", value=_whole),
    "client": Key("where a request came from: an address, or the UNIX socket", "client.address"),
    "command": Key("what was asked for", "vc5.command"),
    "community": Key("the BGP community that the VIP has now", "vc5.community"),
    "device": Key("the network device that the routes point at", "vc5.device"),
    "digest": Key("of the document", "file.hash.sha256", value=_hash),
    "document": Key("the document's file", "file.path"),
    "documents": Key("how many load balancers have which", "vc5.documents"),
    "error": Key("what went wrong, in words", "error.message"),
    "events": Key("how many events", "vc5.events", value=_whole),
    "family": Key("IPv4 or IPv6", "network.type", value=str.lower),
    "forwarding": Key("what becomes of packets meanwhile", "vc5.forwarding"),
    "frames": Key("how many frames", "vc5.frames", value=_whole),
    "hint": Key("what to do about it", "vc5.hint"),
    "host": Key("its name", "vc5.host"),
    "instead": Key("what is used in its place", "vc5.instead"),
    "interface": Key("of this host", "observer.ingress.interface.name"),
    "interfaces": Key("of this host", "vc5.interfaces"),
    "mac": Key("the real's", "server.mac", value=_mac),
    "macs": Key("of this host's interfaces", "vc5.macs"),
    "missing": Key("what was not there", "vc5.missing"),
    "mode": Key("of XDP: native or generic", "vc5.mode"),
    "needed": Key("what to do about it", "vc5.hint"),
    "now": Key("the value that it has now", "vc5.now"),
    "off": Key("what was turned off", "vc5.off"),
    "ok": Key("whether a probe passed; none: this host could not ask", "event.outcome", value=lambda text: {
        "True": "success", "False": "failure"}.get(text, "unknown")),
    "peer": Key("another load balancer's address", "vc5.peer"),
    "pinned": Key("the MAC that the configuration says, or no", "vc5.pinned"),
    "pins": Key("directory of the pinned program and maps", "vc5.pins"),
    "priority": Key("of the VIP's most important service", "vc5.priority"),
    "ready": Key("how far the start had come", "vc5.ready"),
    "real": Key("address of a real server", "server.ip"),
    "reason": Key("what its checks say, in words", "event.reason"),
    "report": Key("what applying a document changed", "vc5.report"),
    "running": Key("digest of the document that stays", "file.hash.sha256", value=_hash),
    "seconds": Key("how long a probe took", "event.duration", value=lambda text: round(float(text) * 1e9)),
    "service": Key("ADDRESS:PORT:protocol", "vc5.service", more=_service),
    "dropped": Key("how many events were dropped", "vc5.dropped", value=_whole),
    "key": Key("a key of the configuration", "vc5.key"),
    "sent": Key("how many events reached it so far", "vc5.sent", value=_whole),
    "sessions": Key("current ones", "vc5.sessions", value=_whole),
    "silent": Key("for so many seconds", "vc5.silent", value=_number),
    "reals": Key("of so many reals", "vc5.reals", value=_number),
    "sink": Key("name of a sink", "vc5.sink"),
    "target": Key("what an operator drains", "vc5.target"),
    "then": Key("what vc5d does about it", "vc5.then"),
    "there": Key("whether the interface itself is there", "vc5.there"),
    "traffic": Key("what becomes of packets meanwhile", "vc5.traffic"),
    "unit": Key("of systemd", "vc5.unit"),
    "until": Key("how long, in words", "vc5.until"),
    "user": Key("the uid of who asked: the one that they logged in with, also behind sudo", "user.id"),
    "vip": Key("a virtual IP", "destination.ip"),
    "vips": Key("how many VIPs", "vc5.vips", value=_whole),
    "wanted": Key("what was asked for", "vc5.wanted"),
    "was": Key("the value that it had", "vc5.was"),
    "webroot": Key("of the document", "vc5.webroot"),
    "webserver": Key("as the document has it", "vc5.webserver"),
    "why": Key("the reason, in words", "event.reason"),
}  # fmt: skip
