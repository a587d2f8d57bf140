"""Compiled documents read back (docs/document.md), to be compared and asked. `vc5d` has a reader of its own:
it trusts nothing; this one reads only what a plan or an explanation needs, and a digest that is right says
that the rest is as vc5c wrote it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from vc5c.addresses import Address, read_address
from vc5c.emit import DIGEST, VERSION, canonical
from vc5c.report.human import printable

AGAIN = "it was changed or cut short after vc5c wrote it: compile the configuration again"
HEAD = 1 << 20  # characters that surely have the digest: it comes before everything that is long


class NotADocument(Exception):
    """The text is no document that this vc5c can read: what and why, for a person."""


class Key(NamedTuple):
    """Which service. Sorts as people count: addresses by number, IPv4 first."""

    version: int
    number: int
    port: int  # 0: any port
    protocol: str


@dataclass(frozen=True)
class Real:
    """weight: as configured, also while disabled."""

    checks: tuple[Mapping[str, Any], ...]
    disabled: bool
    weight: int


@dataclass(frozen=True)
class Table:
    """base64: of one 16-bit little-endian index into `reals` per slot."""

    digest: str
    size: int
    reals: tuple[str, ...]
    weights: tuple[int, ...]
    base64: str

    @cached_property
    def slots(self) -> bytes:
        """Raises NotADocument."""
        try:
            raw = base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            raise NotADocument(f"the slots of the table {self.digest} are no base64: {error}") from None
        if len(raw) != 2 * self.size:
            raise NotADocument(f"the table {self.digest} has {len(raw) // 2} slots, not {self.size}")
        return raw

    def owner(self, slot: int) -> str:
        """The real that a slot belongs to."""
        return self.reals[int.from_bytes(self.slots[2 * slot : 2 * slot + 2], "little")]


@dataclass(frozen=True)
class Service:
    """options: everything that is not in an attribute of its own, as in the document."""

    name: str  # ADDRESS:PORT:PROTOCOL
    vip: Address
    port: int
    protocol: str
    reals: Mapping[str, Real]  # by address
    table: Table
    track: str
    options: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return Key(self.vip.version, self.vip.number, self.port, self.protocol)

    @property
    def title(self) -> str:
        """Its key, and its name for people if it has one."""
        name = self.options.get("name")
        return f"{self.name} ({printable(name)})" if isinstance(name, str) and name else self.name

    @property
    def sticky(self) -> bool:
        return self.options.get("sticky") is True

    @property
    def leastconn(self) -> bool:
        return self.options.get("scheduler") == "leastconn" and not self.sticky

    @property
    def withdrawn(self) -> bool:
        """Its VIP was written with a `*`."""
        return self.options.get("disabled") is True

    @property
    def need(self) -> int:
        need = self.options.get("need")
        return need if isinstance(need, int) else 1

    @property
    def enabled(self) -> int:
        """How many reals may accept."""
        return sum(not real.disabled for real in self.reals.values())


@dataclass(frozen=True)
class Document:
    """source: what a person calls it. settings: top-level keys that are in no attribute."""

    source: str
    digest: str
    services: Mapping[str, Service]
    neighbors: Mapping[str, Mapping[str, Any]]
    vlans: Mapping[str, str]
    vlans6: Mapping[str, str]
    bgp: Mapping[str, Mapping[str, Any]]
    block: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, Any]

    @property
    def seed(self) -> int | str:
        """A number, or "secret"."""
        seed: int | str = self.settings["seed"]
        return seed

    @property
    def blocked(self) -> list[str]:
        """The prefixes of the block lists that are in force: docs/document.md, `defcon`."""
        defcon = self.settings.get("defcon", 5)
        return [prefix for level, listed in self.block.items() if int(level) >= defcon for prefix in listed]


def read_document(text: str, source: str) -> Document | None:
    """The document that the text is; None if it is a configuration yet to be compiled, which may be JSON
    too: its `services` are a list. Raises NotADocument, with one reason."""
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    try:
        raw = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if f'"{DIGEST}":"sha256:' in text[:HEAD]:
            raise NotADocument(f"{source} is no whole document: {error}\n  {AGAIN}") from None
        return None
    if not isinstance(raw, dict) or (DIGEST not in raw and not isinstance(raw.get("services"), dict)):
        return None
    return _checked(raw, text, source)


def _checked(raw: dict[str, Any], text: str, source: str) -> Document:
    if "version" not in raw or DIGEST not in raw:
        missing = "version" if "version" not in raw else DIGEST
        hint = "what VC5's own compiler wrote cannot be compared: compile its YAML with vc5c"
        raise NotADocument(f"{source} is no document of vc5c: it has no `{missing}`\n  {hint}")
    if type(raw["version"]) is not int or raw["version"] != VERSION:
        found = printable(canonical(raw["version"])[:40])
        hint = "compile its configuration again with this vc5c"
        raise NotADocument(f"{source} is a document of version {found}; this vc5c knows {VERSION}\n  {hint}")
    _check_digest(text, raw, source)
    try:
        return _document(raw, source)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise NotADocument(
            f"{source} is not as docs/document.md says: {printable(what)}\n  {AGAIN}"
        ) from None


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _check_digest(text: str, raw: Mapping[str, Any], source: str) -> None:
    """Over the text as it is if vc5c wrote it, else over the same value written canonically."""
    given = raw[DIGEST]
    cut = text.replace(f'"{DIGEST}":{canonical(given)},', "", 1).removesuffix("\n")
    if _sha256(cut) != given:
        value = {key: value for key, value in raw.items() if key != DIGEST}
        if _sha256(canonical(value)) != given:
            raise NotADocument(f"{source}: the document's digest does not match its content\n  {AGAIN}")


def _sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


def _document(raw: dict[str, Any], source: str) -> Document:
    tables = {digest: _table(digest, table) for digest, table in raw["tables"].items()}
    own = {
        "digest", "version", "services", "tables", "index", "neighbors", "vlans", "vlans6", "bgp", "block",
    }  # fmt: skip
    document = Document(
        source=source,
        digest=str(raw[DIGEST]),
        services={name: _service(name, service, tables) for name, service in raw["services"].items()},
        neighbors={name: {"vlan": n["vlan"], "mac": n["mac"]} for name, n in raw["neighbors"].items()},
        vlans={str(number): str(prefix) for number, prefix in raw.get("vlans", {}).items()},
        vlans6={str(number): str(prefix) for number, prefix in raw.get("vlans6", {}).items()},
        bgp={peer: dict(options) for peer, options in raw["bgp"].items()},
        block={str(int(level)): tuple(map(str, listed)) for level, listed in raw.get("block", {}).items()},
        settings={key: value for key, value in raw.items() if key not in own},
    )
    _check_settings(document.settings)
    return document


def _check_settings(settings: Mapping[str, Any]) -> None:
    seed, defcon = settings["seed"], settings.get("defcon", 5)
    if seed != "secret" and type(seed) is not int:
        raise ValueError(f"the seed is {seed!r}")
    if type(defcon) is not int:
        raise ValueError(f"defcon is {defcon!r}")
    if type(settings["flow_lifetime"]) not in (int, float):
        raise ValueError("flow_lifetime is no number")


def _table(digest: str, raw: Mapping[str, Any]) -> Table:
    size, reals, weights, slots = raw["size"], tuple(raw["reals"]), tuple(raw["weights"]), raw["slots"]
    if type(size) is not int or size < 1 or len(reals) != len(weights) or not isinstance(slots, str):
        raise ValueError(f"the table {digest} contradicts itself")
    return Table(digest, size, reals, weights, slots)


def _service(name: str, raw: Mapping[str, Any], tables: Mapping[str, Table]) -> Service:
    address, port, protocol = name.rsplit(":", 2)
    vip = read_address(address)
    if vip is None or not port.isdecimal() or protocol not in ("tcp", "udp"):
        raise ValueError(f"{name!r} is no service")
    table = tables[raw["table"]]
    weights = dict(zip(table.reals, table.weights, strict=True))
    reals = {}
    for real, options in raw["reals"].items():
        at = real.rpartition(":")[0]
        reals[at] = Real(tuple(options["checks"]), options["disabled"] is True, weights[at])
    if len(reals) != len(table.reals):
        raise ValueError(f"the service {name} and its table have different reals")
    own = {"reals", "table", "track"}
    options = {key: value for key, value in raw.items() if key not in own}
    return Service(name, vip, int(port), protocol, reals, table, str(raw["track"]), options)
