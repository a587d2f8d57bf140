"""`vc5c --explain`: what is printed, and what cannot be asked."""

from __future__ import annotations

import hashlib
import json
import os
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from vc5c.cli import main
from vc5c.emit import canonical

CONFIG = """
vlans: {10: 10.1.10.0/24}
neighbors: {10.1.10.2: 02:00:00:00:00:02}
services:
- name: web
  virtual: 192.0.2.1
  servers: [10.1.10.1, 10.1.10.2, 10.1.10.3*]
  table_size: 251
  policy: {80: , 53/tcp: , 53/udp: {track: needed}, 514/udp: }
"""
SCHEMA = json.loads(resources.files("vc5_schemas").joinpath("explain.schema.json").read_text())


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture
def explain(config, capsys):
    def ask(*arguments: str, code: int = 0, given: str = config) -> str:
        assert main(["--explain", *arguments, given]) == code
        shown = capsys.readouterr()
        assert "defect" not in shown.err
        return shown.err if code else shown.out

    return ask


GOLDEN = Path(__file__).parent / "golden"
QUESTIONS = {
    "owner": ("203.0.113.7:1001", "192.0.2.1:80"),
    "probes": ("203.0.113.7:1002", "192.0.2.1:80", "--draining", "10.1.10.1"),
    "list": ("203.0.113.7:1022", "192.0.2.1:80", "--down", "10.1.10.1", "--draining", "10.1.10.3"),
    "no-real": ("203.0.113.7:1001", "192.0.2.1:514", "--down", "10.1.10.1", "--down", "10.1.10.2"),
    "unknown-port": ("203.0.113.7:1001", "192.0.2.1:81"),
    "owner-drains": ("203.0.113.7:1004", "192.0.2.1:53/udp"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_for_a_person(explain, name) -> None:
    """VC5_UPDATE_GOLDEN=1 writes them anew: read the diff."""
    told = explain(*QUESTIONS[name])
    if os.environ.get("VC5_UPDATE_GOLDEN"):
        (GOLDEN / f"{name}.txt").write_text(told)
    assert told == (GOLDEN / f"{name}.txt").read_text()


def test_from_a_document_as_from_its_configuration(explain, config, tmp_path) -> None:
    document = tmp_path / "config.json"
    assert main([config, "-o", str(document)]) == 0
    question = ("203.0.113.7:51234", "192.0.2.1:80", "--down", "10.1.10.2")
    assert explain(*question, given=str(document)) == explain(*question)


@pytest.mark.parametrize(
    "question",
    [
        ("203.0.113.7:1", "192.0.2.1:80"),
        ("203.0.113.7:1", "192.0.2.1:81"),
        ("203.0.113.7:1", "192.0.2.2:81"),
        ("203.0.113.7:1", "192.0.2.1:80", *(f"--down=10.1.10.{n}" for n in (1, 2, 3))),
        ("203.0.113.7:1", "192.0.2.1:53/udp", "--draining=10.1.10.1", "--draining=10.1.10.2"),
    ],
)
def test_json_obeys_its_schema(explain, question) -> None:
    told = json.loads(explain(*question, "--explain-format", "json"))
    Draft202012Validator(SCHEMA).validate(told)


def test_protocol(explain) -> None:
    assert "514 udp" in explain("203.0.113.7:1", "192.0.2.1:514")
    assert "81 tcp" in explain("203.0.113.7:1", "192.0.2.1:81")
    assert "53 udp" in explain("203.0.113.7:1", "192.0.2.1:53/udp")
    assert "takes both protocols on port 53: add /tcp or /udp" in explain(
        "203.0.113.7:1", "192.0.2.1:53", code=2
    )


def test_a_draining_owner_of_udp(explain) -> None:
    arguments = [f"--draining=10.1.10.{n}" for n in (1, 2)]
    assert "UDP has no SYN" in explain("203.0.113.7:1", "192.0.2.1:53/udp", *arguments)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("203.0.113.7", "192.0.2.1:80"), "is not ADDRESS:PORT"),
        (
            ("203.0.113.7:1", "192.0.2.1:80", "--down", "10.1.10.33"),
            "no real of 192.0.2.1:80:tcp (web); did you mean",
        ),
        (("203.0.113.7:1", "192.0.2.9:80", "--down", "10.1.10.1"), "the flow has no service"),
        (("203.0.113.7:1", "192.0.2.1:80", "--seed-file", "/dev/null"), "the document's seed is no secret"),
    ],
)
def test_bad_questions(explain, arguments, why) -> None:
    told = explain(*arguments, code=2).splitlines()[-1]  # before it, the configuration's warnings
    assert why in told
    assert told.startswith("vc5c: ")


def test_a_secret_seed_stays_secret(explain, config, tmp_path, capsys) -> None:
    """The hash would give it away: fmix64 can be undone."""
    assert main([config]) == 0
    raw = json.loads(capsys.readouterr().out)
    raw["seed"] = "secret"
    del raw["digest"]
    document, credential = tmp_path / "secret.json", tmp_path / "credential"
    digest = "sha256:" + hashlib.sha256(canonical(raw).encode()).hexdigest()
    document.write_text(json.dumps({**raw, "digest": digest}))
    credential.write_text("between you and me\n")
    question = ("203.0.113.7:1", "192.0.2.1:80")
    assert "give --seed-file" in explain(*question, code=2, given=str(document))
    question = (*question, "--seed-file", str(credential))
    seed = int.from_bytes(hashlib.sha256(b"between you and me").digest()[:8], "little")
    told = explain(*question, given=str(document))
    as_json = json.loads(explain(*question, "--explain-format", "json", given=str(document)))
    Draft202012Validator(SCHEMA).validate(as_json)
    assert "hash        secret, as is the seed" in told
    assert str(seed) not in told
    assert as_json["hash"] is None
    plain = tmp_path / "plain.yaml"
    plain.write_text(f"seed: {seed}\n{CONFIG}")
    outcome = json.loads(explain(*question[:2], "--explain-format", "json", given=str(plain)))
    assert outcome["probes"] == as_json["probes"]
    assert "cannot read" in explain(*question[:3], str(tmp_path / "none"), code=2, given=str(document))


@pytest.mark.parametrize(
    ("tunnel", "told"),
    [
        ("tunnel-type: gue, tunnel-port: 6080", "inside gue, port 6080; the next hop by the route"),
        ("tunnel-type: ipip", "inside ipip; the next hop by the route"),
        (
            "tunnel-type: dscp, tunnel-dscp: 7",
            "its address for the VIP's, and DSCP 7; the next hop by the route",
        ),
    ],
)
def test_through_a_tunnel(explain, tmp_path, tunnel, told) -> None:
    path = tmp_path / "tunnel.yaml"
    path.write_text(CONFIG.replace("policy: {80: ,", f"policy: {{80: {{{tunnel}}},"))
    question = ("203.0.113.7:1001", "192.0.2.1:80")
    assert f"10.1.10.2: {told}" in explain(*question, given=str(path))
    as_json = json.loads(explain(*question, "--explain-format", "json", given=str(path)))
    Draft202012Validator(SCHEMA).validate(as_json)
    assert as_json["tunnel"] == tunnel.split()[1].strip(",")


def test_problems(explain, tmp_path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(CONFIG.replace("servers", "sorvers"))
    assert explain("203.0.113.7:1", "192.0.2.1:80", code=1, given=str(bad)).startswith(str(bad))
