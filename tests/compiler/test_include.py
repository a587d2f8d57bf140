"""`include`: files that are read as if they were part of another, and whose problems are theirs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from vc5c.compile import load
from vc5c.problems import Problems, Rejected
from vc5c.report.human import render
from vc5c.source import read

SERVICE = "- {virtual: %s, servers: [10.0.0.1], policy: {http: }}\n"

Files = dict[str, str]


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Files], str]:
    """All problems of a set of files, the first of which is compiled, as a user sees them."""
    monkeypatch.chdir(tmp_path)

    def do(files: Files) -> str:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        source, problems = read(next(iter(files))), Problems()
        try:
            load(source, problems)
        except Rejected as rejected:
            problems.found = rejected.problems
        return "\n".join(render(problem, source) for problem in problems.found if problem.severity != "note")

    return do


def headlines(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if ".yaml:" in line[:40]]


def test_merged(tmp_path: Path) -> None:
    files = {
        "main.yaml": "include: [conf.d/*.yaml, more/bgp.yaml]\nvlans: {1: 10.0.0.0/24}\n"
        "bgp: {as_number: 1, peers: [10.0.0.8]}\nservices:\n" + SERVICE % "192.0.2.1",
        "conf.d/a.yaml": "services:\n" + SERVICE % "192.0.2.2",
        "conf.d/b.yaml": "servers: {web: [10.0.0.1]}\nvlans: {2: 10.0.2.0/24}\n"
        "services: [{virtual: 192.0.2.3, servers: web, policy: {http: }}]\n",
        "more/bgp.yaml": "include: sub/peers.yaml\nbgp: {hold_time: 9}\n",
        "more/sub/peers.yaml": "bgp: {peers: [10.0.0.9]}\nservices:\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    problems = Problems()
    config = load(read(str(tmp_path / "main.yaml")), problems)
    assert problems.found == []
    assert [str(service.vips[0].address) for service in config.services] == [
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
    ]
    assert [vlan.id for vlan in config.vlans] == [1, 2]
    assert [(str(peer.address), peer.hold_time) for peer in config.peers] == [
        ("10.0.0.8", 9),
        ("10.0.0.9", 9),
    ]


def test_a_problem_names_the_included_file(shown) -> None:
    text = shown(
        {
            "main.yaml": "include: sub/a.yaml\nservices:\n" + SERVICE % "192.0.2.1",
            "sub/a.yaml": "services:\n" + SERVICE % "192.0.2.1",
        }
    )
    assert text.splitlines() == [
        "sub/a.yaml:2:13: error: 192.0.2.1:80:tcp is a service already [duplicate-service]",
        "    2 | - {virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }}",
        "      |             ^^^^^^^^^",
        "main.yaml:3:13: note: first given here",
        "    3 | - {virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }}",
        "      |             ^^^^^^^^^",
    ]


def test_the_schema_speaks_of_the_included_file(shown) -> None:
    text = shown({"main.yaml": "include: a.yaml\n", "a.yaml": "\nservises: []\n"})
    assert text.startswith("a.yaml:2:1: error: unknown key `servises`; did you mean `services`?")


@pytest.mark.parametrize("key", ["seed: 1", "vlans: {1: 10.0.0.0/24}", "servers: {web: [10.0.0.1]}"])
def test_a_key_twice(shown, key: str) -> None:
    text = shown({"main.yaml": f"include: a.yaml\n{key}\nservices: []\n", "a.yaml": f"{key}\n"})
    assert "a.yaml:1:" in headlines(text)[0]
    assert "is given twice [duplicate-key]" in headlines(text)[0]
    assert headlines(text)[1].startswith("main.yaml:2:")


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (
            {"main.yaml": "include: a.yaml\n", "a.yaml": "include: main.yaml\n"},
            ["a.yaml:1:10: error: main.yaml includes itself: main.yaml → a.yaml → main.yaml [include-cycle]"],
        ),
        (
            {"main.yaml": "include: [main.yaml]\n"},
            ["main.yaml:1:11: error: main.yaml includes itself: main.yaml → main.yaml [include-cycle]"],
        ),
        (
            {"main.yaml": "include: [a.yaml, ./a.yaml]\n", "a.yaml": "services: []\n"},
            [
                "main.yaml:1:19: error: a.yaml is included already [include-twice]",
                "main.yaml:1:11: note: first included here",
            ],
        ),
        (
            {"main.yaml": "include: none.yaml\n"},
            ["main.yaml:1:10: error: cannot include none.yaml: there is no such file [include-missing]"],
        ),
        (
            {"main.yaml": "include: sub\n", "sub/x": ""},
            ["main.yaml:1:10: error: cannot include sub: it is no file [include-missing]"],
        ),
        (
            {"main.yaml": "include: 7\nservices: []\n"},
            ["main.yaml:1:10: error: `include` takes a path, or a list of them [wrong-type]"],
        ),
        (
            {"main.yaml": "include: {a: b}\n"},
            ["main.yaml:1:10: error: `include` takes a path, or a list of them [wrong-type]"],
        ),
        (
            {"main.yaml": "include: no.d/*.yaml\nservices:\n" + SERVICE % "192.0.2.1"},
            ["main.yaml:1:10: warning: no file is named like `no.d/*.yaml` [include-nothing]"],
        ),
        (
            {"main.yaml": "include: [a.yaml, b.yaml]\n", "a.yaml": "a: [\n", "b.yaml": "x: 1\nx: 2\n"},
            [
                "a.yaml:2:1: error: broken YAML: did not find expected node content [yaml-syntax]",
                "a.yaml:1:4: note: while parsing a flow node",
                "b.yaml:2:1: error: the key `x` is given twice [duplicate-key]",
                "b.yaml:1:1: note: first given here",
            ],
        ),
    ],
)
def test_faults(shown, files: Files, wanted: list[str]) -> None:
    lines = [line for line in headlines(shown(files)) if "[yaml-syntax]" not in line and "while" not in line]
    assert lines == [line for line in wanted if "[yaml-syntax]" not in line and "while" not in line]


def test_a_long_chain(shown) -> None:
    chain = {f"{n}.yaml": f"include: {n + 1}.yaml\n" for n in range(60)}
    assert "files include files too deeply [include-cycle]" in shown(chain)


@pytest.mark.skipif(os.geteuid() != 0, reason="a device node needs root")
def test_what_never_ends_is_not_read(shown) -> None:
    assert "it is no file [include-missing]" in shown({"main.yaml": "include: /dev/zero\n"})
