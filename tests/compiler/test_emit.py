"""The document as bytes: canonical, with the right digests, the same for the same input."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import random

from vc5c import emit
from vc5c.resolve import resolve

TEXT = """
bgp: {as_number: 65000, peers: [10.1.10.200]}
services:
  - name: web
    virtual: [192.0.2.1, 192.0.2.2]
    servers: [10.0.0.1, 10.0.0.2, 10.0.0.3*, 10.0.0.10]
    policy: {http: , https: }
  - {name: dns, description: "na\\u00efve", virtual: 192.0.2.3, servers: [10.0.0.9], policy: {domain: }}
"""


def written(load_text, text: str) -> str:
    return b"".join(emit.document(resolve(load_text(text)))).decode()


def canonical(value) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def test_canonical(load_text) -> None:
    text = written(load_text, TEXT)
    assert text == canonical(json.loads(text)) + "\n"
    assert text.isascii()


def test_digest(load_text) -> None:
    document = json.loads(written(load_text, TEXT))
    digest = document.pop("digest")
    assert digest == "sha256:" + hashlib.sha256(canonical(document).encode()).hexdigest()


def test_tables_are_keyed_by_content_and_shared(load_text) -> None:
    document = json.loads(written(load_text, TEXT))
    assert len(document["tables"]) == 2
    for key, table in document["tables"].items():
        assert key == hashlib.sha256(canonical(table).encode()).hexdigest()
        assert len(base64.b64decode(table["slots"])) == 2 * table["size"]
    webs = {service["table"] for service in document["services"].values() if service["name"] == "web"}
    assert len(webs) == 1


def test_disabling_keeps_the_table(load_text) -> None:
    before = json.loads(written(load_text, TEXT))
    after = json.loads(written(load_text, TEXT.replace("10.0.0.1,", "10.0.0.1*,")))
    assert after["tables"] == before["tables"]
    real = after["services"]["192.0.2.1:80:tcp"]["reals"]["10.0.0.1:80"]
    assert (real["disabled"], real["weight"]) == (True, 0)
    assert after["digest"] != before["digest"]


def test_order_does_not_matter(load_text) -> None:
    services = [
        "{name: a, virtual: 192.0.2.1, servers: [%s], policy: {http: , ssh: }}",
        "{virtual: 192.0.2.2, policy: {ssh: }, servers: [10.0.0.4, 10.0.0.3]}",
        "{virtual: 2001:db8::1, policy: {ssh: }, tunnel-type: gre, servers: [10.0.0.4, 2001:db8:1::1]}",
    ]
    servers = ["10.0.0.1", "10.0.0.2*", "10.0.0.11"]
    texts = set()
    for order in itertools.permutations(services):
        random.Random(0).shuffle(servers)
        listed = ", ".join(order) % ", ".join(servers)
        texts.add(written(load_text, f"services: [{listed}]\nvlans: {{}}\n"))
        texts.add(written(load_text, f"vlans: {{}}\nservices: [{listed}]\n"))
    assert len(texts) == 1


def test_nothing_configured(load_text) -> None:
    document = json.loads(written(load_text, "services: []\n"))
    assert document["services"] == {}
    assert document["tables"] == {}
    assert document["bgp"] == {}
    assert "vlans" not in document


def test_the_index_has_services_of_every_port(load_text) -> None:
    config = load_text("services: [{virtual: 192.0.2.1, servers: [10.0.0.1], policy: {any: , http: }}]")
    keys = {(str(address), port, protocol) for address, port, protocol in emit._keys(resolve(config), 4)}
    assert keys == {
        ("192.0.2.1", 0, "tcp"),
        ("192.0.2.1", 0, "udp"),
        ("192.0.2.1", 80, "tcp"),
        ("192.0.2.1", 0, ""),
    }
