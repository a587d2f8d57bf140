"""Older words rewritten: migrate/<case>/old.yaml becomes new.yaml, of which said.txt tells, and compiles.

VC5_UPDATE_GOLDEN=1 writes the files anew: read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from vc5c.cli import main

CASES = sorted(path for path in (Path(__file__).parent / "migrate").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rewritten(case: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(case)
    assert main(["--migrate", "old.yaml"]) == 0
    text, said = capsys.readouterr()
    if os.environ.get("VC5_UPDATE_GOLDEN"):
        Path("new.yaml").write_text(text)
        Path("said.txt").write_text(said)
    assert text == Path("new.yaml").read_text()
    assert said == Path("said.txt").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_result_compiles_and_needs_no_more(case: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(case)
    assert main(["--check", "new.yaml"]) == 0
    capsys.readouterr()
    assert main(["--migrate", "new.yaml"]) == 0
    text, said = capsys.readouterr()
    assert (text, said) == (Path("new.yaml").read_text(), "vc5c: new.yaml: no changes\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_comment_is_kept(case: Path) -> None:
    def comments(name: str) -> list[str]:
        lines = (case / name).read_text().splitlines()
        return sorted(line.partition("#")[2].strip() for line in lines if "#" in line)

    added = {"one"}  # a server's name becomes one
    assert set(comments("old.yaml")) - {"nothing is said by this"} == set(comments("new.yaml")) - added


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rhi: {}\nbgp: {}\n", "1:1: error: `rhi` is now `bgp`, which is here too [migrate-cannot]"),
        (
            "services: [{addr: 10.0.0.1, port: 80, real: a}]",
            "1:29: error: cannot be rewritten: `port` beside `policy`, or in brackets [migrate-cannot]",
        ),
        (
            "services: [{address: 10.0.0.1, servers: a}]",
            "1:13: error: cannot be rewritten: a service in brackets without `policy` [migrate-cannot]",
        ),
        (
            "services:\n- addr: 10.0.0.1\n  port: [80, 81]\n  real: a\n  checks: [{type: tcp}]\n",
            "5:12: error: cannot be rewritten: a check for none of the service's ports [migrate-cannot]",
        ),
        (
            "services:\n- addr: 10.0.0.1\n  port: 80\n  real: [a, b]\n",
            "4:3: error: cannot be rewritten: a service has one named list of servers now [migrate-cannot]",
        ),
        (
            "services:\n- addr: 10.0.0.1\n  real: a\n  policy: {http: }\n  fallback: true\n",
            "5:3: error: a fallback to the load balancer itself is not supported [migrate-cannot]",
        ),
        (
            "services: [{virtual: 10.0.0.1, servers: a, policy: {http: }, leastconns: no}]",
            "1:62: error: cannot be rewritten: `leastconns` cannot be taken out of brackets [migrate-cannot]",
        ),
        (
            "services:\n- addr: 10.0.0.1\n  real: a\n  port: [\n    80\n    ]\n",
            "error: this is laid out in a way that cannot be rewritten safely",
        ),
        ("a: [", "error: broken YAML"),
    ],
)
def test_refused(text: str, wanted: str, tmp_path: Path, capsys) -> None:
    """And then nothing is written."""
    (tmp_path / "old.yaml").write_text(text)
    assert main(["--migrate", str(tmp_path / "old.yaml"), "-o", str(tmp_path / "new.yaml")]) == 1
    out, said = capsys.readouterr()
    assert wanted in said
    assert out == ""
    assert not (tmp_path / "new.yaml").exists()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rhi: {}", "unknown key `rhi`: `rhi` is now `bgp`: `vc5c --migrate` rewrites it [unknown-key]"),
        ("services: [{addr: 1.1.1.1}]", "`addr` is now `virtual`: `vc5c --migrate` rewrites it"),
        (
            "services: [{port: 80}]",
            "the ports of a service are the keys of its `policy` now: `vc5c --migrate`",
        ),
        (
            "services: [{policy: {http: {leastconns: true}}}]",
            "`leastconns: true` is now `scheduler: leastconn`",
        ),
        ("services: [{policy: {80: {checks: [{expt: 2}]}}}]", "`expt` is now `expect`: `vc5c --migrate`"),
        ("policy: {a: {80: {checks: [{type: syn, name: x}]}}}", "checks have no names any more"),
        ("bgp: {groups: [{local_as: 1}]}", "`local_as` is now `as_number`: `vc5c --migrate`"),
        ("services: [{fallback: true}]", "a fallback to the load balancer itself is not supported"),
        (
            "services: [{virtual: 1.1.1.1, servers: [10.0.0.1], policy: {dns*: }}]",
            "unknown policy `dns*`: `dns` is now `domain`: `vc5c --migrate` rewrites it",
        ),
        ("bgp: {as_number: 1, peers: [10.0.0.1], accept: [10.1/16]}", "= help: write 10.1.0.0/16"),
    ],
)
def test_the_compiler_knows_the_older_words(text: str, wanted: str, rendered) -> None:
    assert wanted in rendered(text)
