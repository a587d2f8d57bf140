"""Reading documents: what is read, and every fault that is refused, each with a message that says where."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.documents import Spec, canonical, file_content, raw_document, sealed
from vc5d.document import Document, DocumentError, ForbiddenDocumentError, Neighbor, ServiceKey, check, read
from vc5d.document.index import keys_of, positions

KEY = "192.168.101.1:80:tcp"
REALS = {"10.1.10.10": 1, "10.1.10.11": 2, "10.1.10.12": 1}
MAC = "52:54:00:12:34:56"
Raw = dict[str, Any]


def spec() -> Spec:
    return Spec(
        {KEY: REALS, "192.168.101.1:443:tcp": REALS, "192.168.101.2:53:udp": {"10.1.10.10": 1}},
        macs={"10.1.10.10": MAC},
        vlans=dict.fromkeys(REALS, 10),
        disabled={"10.1.10.12"},
        extra={"learn": 10, "bgp": {"10.1.10.200": {"as_number": 65000}}},
    )


@pytest.fixture
def raw() -> Raw:
    return raw_document(spec())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def load(path: Path, raw: Raw) -> Document:
    path.write_bytes(file_content(raw))
    return read(path)


def test_everything_is_read(path: Path, raw: Raw) -> None:
    document = load(path, raw)
    assert document.digest == raw["digest"]
    assert (document.seed, document.flow_lifetime) == (0, 60)
    assert document.neighbors["10.1.10.10"] == Neighbor(10, MAC)
    assert document.neighbors["10.1.10.11"] == Neighbor(10, None)
    assert document.vlans == {10: "10.1.10.0/24"}
    assert document.bgp == {"10.1.10.200": {"as_number": 65000}}
    assert document.options == {"learn": 10}
    assert document.vips == ("192.168.101.1", "192.168.101.2")
    service = document.services[ServiceKey("192.168.101.1", 80, "tcp")]
    assert str(service.key) == KEY
    assert (service.need, service.track, service.sticky) == (1, "needed", False)
    assert (service.health.threshold, service.health.window) == (3, 5)
    assert service.options == {"reset": False}
    assert service.reals["10.1.10.12"].disabled
    assert service.reals["10.1.10.11"].port == 80
    assert service.reals["10.1.10.11"].checks == ({"type": "tcp"},)
    table = document.tables[service.table]
    assert table.weights == (1, 2, 1)
    assert table.slots.tolist() == list(
        np.frombuffer(base64.b64decode(raw["tables"][service.table]["slots"]), "<u2")
    )
    with pytest.raises(ValueError, match="read-only"):
        table.slots[0] = 0


def test_an_indented_document_is_the_same_document(path: Path, raw: Raw) -> None:
    path.write_text(json.dumps(raw, indent=2))
    assert read(path).digest == raw["digest"]


def test_ipv6_services_are_read_and_their_index_verified(path: Path) -> None:
    six = Spec({"2001:db8::1:80:tcp": {"2001:db8:1::10": 1}, KEY: REALS})
    document = load(path, raw_document(six))
    key = ServiceKey("2001:db8::1", 80, "tcp")
    assert document.services[key].reals["2001:db8:1::10"].port == 80
    assert len(set(positions(document.index6, keys_of(document, 6)).tolist())) == 2


def test_the_index_gives_each_key_a_position(path: Path, raw: Raw) -> None:
    document = load(path, raw)
    keys = keys_of(document, 4)
    assert len(keys) == 5  # three services, two bare VIPs
    assert len(set(positions(document.index4, keys).tolist())) == 5


def test_a_service_of_any_port_beside_others(path: Path) -> None:
    """The VIP's own entry, without protocol, is another."""
    names = ["192.168.101.1:0:tcp", "192.168.101.1:0:udp", "192.168.101.1:80:tcp", "2001:db8::1:0:tcp"]
    document = load(
        path, raw_document(Spec({n: {"2001:db8:1::10" if ":db8" in n else "10.1.10.10": 1} for n in names}))
    )
    assert [str(key) for key in document.services] == sorted(names)
    assert [str(key) for key in keys_of(document, 4)] == [*sorted(names[:3]), "the VIP 192.168.101.1"]
    assert len(set(positions(document.index4, keys_of(document, 4)).tolist())) == 4
    assert len(set(positions(document.index6, keys_of(document, 6)).tolist())) == 2


def test_how_reals_are_chosen(path: Path, raw: Raw) -> None:
    service = raw["services"][KEY]
    for sticky, scheduler, expected in (
        (False, "leastconn", (False, True)),
        (True, "leastconn", (True, False)),
        (False, "maglev", (False, False)),
        (False, "wrr", (False, False)),
    ):
        service |= {"sticky": sticky, "scheduler": scheduler, "linger": 2.5}
        read_back = load(path, sealed(raw)).services[ServiceKey("192.168.101.1", 80, "tcp")]
        assert (read_back.sticky, read_back.leastconn) == expected
        assert read_back.linger == 2.5


@pytest.mark.parametrize(
    ("defcon", "expected"),
    [(None, ["10.0.0.0/8"]), (5, ["10.0.0.0/8"]), (3, ["10.0.0.0/8", "192.0.2.0/24"]), (1, ["0.0.0.0/0"])],
)
def test_what_is_blocked(path: Path, raw: Raw, defcon: int | None, expected: list[str]) -> None:
    """Level 5 always, the others as far down as `defcon` is; lists that overlap are one."""
    raw["block"] = {
        "5": ["10.0.0.0/8", "2001:db8:bad::/48"],
        "3": ["10.1.0.0/16", "192.0.2.0/24"],
        "1": ["0.0.0.0/0", "2001:db8::/32"],
    }
    if defcon:
        raw["defcon"] = defcon
    blocked = load(path, sealed(raw)).blocked
    assert [str(prefix) for prefix in blocked.v4] == expected
    assert [str(prefix) for prefix in blocked.v6] == ["2001:db8::/32" if defcon == 1 else "2001:db8:bad::/48"]


def test_vlans_of_both_families(path: Path) -> None:
    six = "2001:db8:1::10"
    made = Spec({KEY: REALS, "2001:db8::1:80:tcp": {six: 1}}, vlans={**dict.fromkeys(REALS, 10), six: 20})
    document = load(path, raw_document(made))
    assert (document.vlans, document.vlans6) == ({10: "10.1.10.0/24"}, {20: "2001:db8:20::/64"})


def test_a_secret_seed(path: Path, raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for everybody who has the text, from a file or from systemd; white space around it is none of
    it."""
    path.write_bytes(file_content(sealed({**raw, "seed": "secret"})))
    (tmp_path / "seed").write_text("  correct horse battery staple\n")
    expected = int.from_bytes(hashlib.sha256(b"correct horse battery staple").digest()[:8], "little")
    document = read(path, tmp_path / "seed")
    assert document.seed == expected
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read(path).seed == expected
    for shown in (repr(document), str(document.__dict__.keys())):
        assert str(expected) not in shown


def test_a_secret_seed_that_is_not_there(
    path: Path, raw: Raw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(file_content(sealed({**raw, "seed": "secret"})))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(DocumentError, match="no credential was given") as error:
        read(path)
    assert "LoadCredential=seed:" in error.value.hint
    with pytest.raises(DocumentError, match=r"cannot be read from .*none: No such file"):
        read(path, tmp_path / "none")
    (tmp_path / "seed").write_text(" \n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(DocumentError, match=r"the secret seed in .* is empty"):
        read(path)


def change(path: str, value: Any) -> Callable[[Raw], Any]:
    """Sets what `path` leads to; * takes the first key."""

    def apply(raw: Raw) -> None:
        *steps, last = path.split("/")
        for step in steps:
            raw = raw[next(iter(raw)) if step == "*" else step]
        if value is None:
            del raw[last]
        else:
            raw[last] = value(raw[last]) if callable(value) else value

    return apply


def short(text: str) -> str:
    return base64.b64encode(base64.b64decode(text)[:-2]).decode()


def out_of_range(text: str) -> str:
    return base64.b64encode(b"\xff\x00" + base64.b64decode(text)[2:]).decode()


FAULTS = {
    "seed a word": (change("seed", "hidden"), 'seed: expected an integer, found "hidden"'),
    "linger below zero": (change(f"services/{KEY}/linger", -1), f"services.{KEY}.linger: expected seconds"),
    "linger true": (change(f"services/{KEY}/linger", True), "linger: expected seconds"),
    "defcon zero": (change("defcon", 0), "defcon: 0 is not in 1 … 5"),
    "block a list": (change("block", []), "block: expected an object"),
    "block level six": (change("block", {"6": []}), 'block: "6" is no level in 1 … 5'),
    "block no prefix": (change("block", {"5": ["10.0.0.1/8"]}), 'block.5: "10.0.0.1/8" is not a prefix'),
    "block a number": (change("block", {"5": [10]}), "block.5: expected a string, found 10"),
    "no services": (change("services", None), 'the key "services" is missing'),
    "services a list": (change("services", []), "services: expected an object, found []"),
    "seed too big": (change("seed", 1 << 64), "seed: 18446744073709551616 is not in"),
    "seed a boolean": (change("seed", True), "seed: expected an integer, found true"),
    "lifetime zero": (change("flow_lifetime", 0), "flow_lifetime: expected a number above 0"),
    "need a string": (change(f"services/{KEY}/need", "1"), f"services.{KEY}.need: expected an integer"),
    "unknown track": (change(f"services/{KEY}/track", "some"), '"some" is none of needed'),
    "no such table": (change(f"services/{KEY}/table", "00"), 'the document has no table "00"'),
    "another real": (
        change(f"services/{KEY}/reals", lambda reals: {"10.1.10.99:80": reals["10.1.10.10:80"]}),
        "do not agree about the real",
    ),
    "real twice": (
        change(f"services/{KEY}/reals", lambda reals: {**reals, "10.1.10.10:81": {}, "10.1.10.11:8": {}}),
        "10.1.10.10 is there twice",
    ),
    "threshold above window": (change(f"services/{KEY}/health/threshold", 6), "threshold: 6 is not in 1 … 5"),
    "a check without type": (
        change(f"services/{KEY}/reals/10.1.10.10:80/checks", [{}]),
        'checks: expected objects with a "type", found {}',
    ),
    **{
        f"a check with {key} {value!r}": (
            change(f"services/{KEY}/reals/10.1.10.10:80/checks", [{"type": "http", key: value}]),
            f"services.{KEY}.reals.10.1.10.10:80.checks.{key}",
        )
        for key, value in (
            ("port", "x"),
            ("port", 65536),
            ("expect", True),
            ("expect", ["200"]),
            ("host", 1),
            ("host", "a\r\nb: c"),
            ("path", []),
            ("method", "G\n"),
        )
    },
    "lifetime of ages": (change("flow_lifetime", 1e300), "flow_lifetime: 1e+300 s is more than"),
    "VLAN without a prefix": (change("vlans/10", "x"), 'vlans.10: "x" is not a prefix like'),
    "size zero": (change("tables/*/size", 0), "size: 0 is not in"),
    "slots short": (change("tables/*/slots", short), "slots: 120 bytes, expected 122"),
    "slots no base64": (change("tables/*/slots", "…"), "slots: not base64"),
    "slot of no real": (change("tables/*/slots", out_of_range), "a slot belongs to real number 255"),
    "weights short": (change("tables/*/weights", [1]), "expected 3 integers"),
    "weight zero": (change("tables/*/weights", [1, 0, 1]), "expected 3 integers of at least 1"),
    "no reals": (change("tables/*/reals", []), "0 reals"),
    "table's real twice": (change("tables/*/reals", ["10.1.10.10"] * 3), "a real is there twice"),
    "address misspelt": (change("tables/*/reals", ["10.1.10.010", "b", "c"]), '"10.1.10.010" is not an IP'),
    "neighbor missing": (change("neighbors/10.1.10.11", None), "neighbors: 10.1.10.11 is missing"),
    "VLAN unknown": (change("neighbors/10.1.10.10/vlan", 11), "the document has no VLAN 11"),
    "MAC upper case": (change("neighbors/10.1.10.10/mac", "52:54:00:AB:34:56"), "is not a MAC"),
    "VLAN id": (change("vlans", {"4095": "10.1.10.0/24"}), '"4095" is not a VLAN id'),
    "peer no address": (change("bgp", {"router": {}}), '"router" is not an IP address'),
    "size of the index": (change("index/ipv4/size", 12), "12 is not a power of two"),
    "displacements": (change("index/ipv4/displacements", short), "bytes, expected"),
    "index empty": (
        change("index/ipv4", {"salt": 0, "buckets": 0, "size": 0, "displacements": ""}),
        "index.ipv4: it is empty",
    ),
    "index collides": (change("index/ipv4/salt", lambda salt: salt), "have the same position"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_refused(path: Path, raw: Raw, fault: str) -> None:
    apply, message = FAULTS[fault]
    apply(raw)
    if fault == "index collides":
        raw["index"]["ipv4"] |= {"size": 4, "buckets": 1, "displacements": "AAA="}  # five keys
    with pytest.raises(DocumentError) as error:
        load(path, sealed(raw))
    assert message in error.value.message
    assert error.value.message.startswith(f"{path}: ")
    assert error.value.hint


@pytest.mark.parametrize(
    "key", ["192.168.101.1:80", "vip:80:tcp", "192.168.101.1:65536:tcp", "192.168.101.1:80:sctp"]
)
def test_keys_of_services(path: Path, raw: Raw, key: str) -> None:
    raw["services"] = {key: raw["services"][KEY]}
    with pytest.raises(DocumentError, match="services"):
        load(path, sealed(raw))


def test_a_tampered_document(path: Path, raw: Raw) -> None:
    raw["services"][KEY]["need"] = 2
    with pytest.raises(DocumentError, match="does not match its digest"):
        load(path, raw)


def test_a_digest_that_only_looks_right_in_the_text(path: Path, raw: Raw) -> None:
    """The digest's text inside a string must not be taken for the key."""
    raw["learn"] = f'"digest":"{raw["digest"]}",'
    sealed_raw = sealed(raw)
    assert load(path, sealed_raw).digest == sealed_raw["digest"]


def test_a_truncated_document(path: Path, raw: Raw) -> None:
    path.write_bytes(file_content(raw)[:-500])
    with pytest.raises(DocumentError, match="truncated") as error:
        read(path)
    assert "vc5c" in error.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"services: {}\n", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", 'there is no "version"'),
        (b"{}", 'there is no "version"'),
        (b'{"version":2}', "version 2 of the document is not supported"),
        (b'{"version":true}', "version true of the document"),
        (b'{"version":1}', '"digest" is missing'),
        (b'{"version":1,"seed":NaN}', "NaN is no JSON number"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_no_document(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=message):
        read(path)


def test_no_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="No such file"):
        read(path)
    with pytest.raises(DocumentError, match="Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize("asked", ["open", "is_fifo"])
def test_no_permission(path: Path, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """For the file, or its directory. Root may read everything, so the refusal is made here."""

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, asked, refuse)
    with pytest.raises(ForbiddenDocumentError, match="Permission denied") as error:
        read(path)
    assert "user that vc5d runs as" in error.value.hint


def test_check_knows_the_schema(path: Path, raw: Raw) -> None:
    raw["tables"] = {key: table | {"colour": "red"} for key, table in raw["tables"].items()}
    load(path, sealed(raw))
    with pytest.raises(DocumentError, match=r"tables.*colour.*\[schema\]"):
        check(path)


def test_canonical_bytes_end_the_digest(raw: Raw) -> None:
    """The builder of these tests writes what docs/document.md says."""
    assert b" " not in canonical({key: raw[key] for key in ("tables", "index", "neighbors")})


def test_what_never_ends_is_no_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither memory nor a reload is lost to it. `--check` takes a pipe, which a shell may give."""
    monkeypatch.setattr("vc5d.document.reading._MOST", 1 << 25)
    with pytest.raises(DocumentError, match=r"/dev/zero: longer than"):
        check("/dev/zero")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(DocumentError, match="is no regular file"):
            read(path)
    with ThreadPoolExecutor() as beside:
        writing = beside.submit(pipe.write_bytes, file_content(raw_document(spec())))
        assert check(pipe).services
        writing.result()
