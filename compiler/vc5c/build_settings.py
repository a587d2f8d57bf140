"""The settings of a service or policy, and explicit checks, from the tree."""

from __future__ import annotations

from vc5c import words
from vc5c.addresses import Address, read_address
from vc5c.fields import Fields, entries
from vc5c.model import At, Check, Settings
from vc5c.problems import Problems
from vc5c.tree import Node, Scalar


def build_settings(node: Node, problems: Problems) -> Settings:
    """What cascades, from a service's or policy's mapping (or from the null of a bare `http:`)."""
    fields = Fields(node)
    return Settings(
        places=fields.places(),
        name=fields.text("name"),
        description=fields.text("description"),
        need=fields.at("need"),
        sticky=fields.at("sticky"),
        reset=fields.boolean("reset"),
        scheduler=fields.at("scheduler"),
        persist=fields.whole("persist"),
        priority=fields.text("priority"),
        host=fields.text("host"),
        path=fields.text("path"),
        method=fields.text("method"),
        expect=_expect(fields, problems),
        verify=fields.boolean("verify"),
        tunnel_type=fields.at("tunnel-type"),
        tunnel_port=fields.whole("tunnel-port"),
        tunnel_dscp=fields.whole("tunnel-dscp"),
        tunnel_mtu=fields.whole("tunnel-mtu"),
        mss_clamp=fields.at("mss-clamp"),
        track=fields.at("track"),
        interval=fields.number("interval"),
        timeout=fields.number("timeout"),
        window=_window(fields, problems),
        table_size=fields.at("table_size"),
        weights=_weights(fields.node("weights"), problems),
        linger=fields.number("linger"),
        overload=fields.number("overload"),
    )


def build_check(node: Node, problems: Problems) -> Check:
    """One entry of `checks`."""
    fields = Fields(node)
    return Check(
        type=fields.text("type") or "",
        port=fields.whole("port"),
        host=fields.text("host"),
        path=fields.text("path"),
        method=fields.text("method"),
        expect=_expect(fields, problems),
        verify=fields.boolean("verify"),
        place=node.place,
    )


def _expect(fields: Fields, problems: Problems) -> tuple[int, ...] | None:
    listed = fields.words("expect")
    if listed is None:
        return None
    codes: list[int] = []
    for word in listed:
        read = words.read_codes(word.text)
        if read is None:
            hint = "codes such as 200, 200-204, 200 301, or any"
            problems.error("bad-expect", f"`{word.text}` is no status code", word.place, hint=hint)
        codes += read or ()
    return tuple(codes)


def _window(fields: Fields, problems: Problems) -> tuple[int, int] | None:
    word = fields.node("window")
    if not isinstance(word, Scalar):
        return None
    window = words.read_window(word.text)
    if window is None:
        problems.error("bad-window", f"`{word.text}` can never be met", word.place, hint="such as 3 of 5")
    return window


def _weights(node: Node | None, problems: Problems) -> dict[Address, At[int]] | None:
    if node is None:
        return None
    weights: dict[Address, At[int]] = {}
    for key, value in entries(node):
        address = read_address(key.text)
        if address is None:
            problems.error("bad-address", f"`{key.text}` is not an IP address", key.place)
        elif isinstance(value, Scalar) and value.value is not None:
            weights[address] = At(int(value.value), key.place)
    return weights
