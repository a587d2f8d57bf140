"""What programs read: JSON, GitHub annotations and SARIF, by way of the command."""

from __future__ import annotations

import io
import json
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator
from vc5c.catalogue import RULES
from vc5c.cli import main

CLEAN = """\
bgp: {as_number: 65000, peers: [10.0.0.200]}
services: [{name: web, virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }}]
"""
CLASH = """\
bgp: {as_number: 65000, peers: [10.0.0.200]}
services:
  - {virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: , 80/tcp: , 514/udp: }}
"""
FORMATS = ("human", "json", "github", "sarif")


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Exit code, standard output and standard error of `vc5c --check`."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, *arguments: str, name: str = "config.yaml") -> tuple[int, str, str]:
        Path(name).write_text(text)
        code = main([name, "--check", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("text", "code"), [(CLEAN, 0), (CLASH, 1), ("services: [", 1), ("\udce9", 1)])
def test_exit_code(check, form: str, text: str, code: int) -> None:
    if text == "\udce9":
        Path("config.yaml").write_bytes(b"# caf\xe9\n")
        assert main(["config.yaml", "--check", "--format", form]) == code
    else:
        assert check(text, "--format", form)[0] == code


@pytest.mark.parametrize("form", FORMATS)
def test_what_cannot_be_read_is_2_and_prints_no_report(form: str, capsys) -> None:
    assert main(["missing.yaml", "--check", "--format", form]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("vc5c: cannot read missing.yaml")


def test_json(check) -> None:
    code, out, err = check(CLASH, "--format", "json")
    assert (code, err) == (1, "")
    report = json.loads(out)
    validate_problems(report)
    assert (report["files"], report["errors"], report["warnings"]) == (["config.yaml"], 1, 1)
    clash, unchecked = report["problems"]
    assert clash == {
        "rule": "duplicate-service",
        "severity": "error",
        "message": "192.0.2.1:80:tcp is a service already",
        "file": "config.yaml",
        "line": 3,
        "column": 64,
        "end_column": 70,
        "hint": None,
        "related": [
            {"message": "first given here", "file": "config.yaml", "line": 3, "column": 56, "end_column": 60}
        ],
        "url": "docs/rules.md#duplicate-service",
    }
    assert (unchecked["rule"], unchecked["severity"]) == ("unchecked", "warning")


def test_json_of_nothing(check) -> None:
    report = json.loads(check(CLEAN, "--format", "json")[1])
    validate_problems(report)
    assert report["problems"] == []


def validate_problems(report: Any) -> None:
    schema = json.loads(resources.files("vc5_schemas").joinpath("problems.schema.json").read_text())
    Draft202012Validator(schema).validate(report)


COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::([^\r\n]*)")


def annotations(out: str) -> list[tuple[str, dict[str, str], str]]:
    """As GitHub's runner reads them: percent-escapes, `,` between properties."""
    found = []
    for line in out.splitlines():
        match = COMMAND.fullmatch(line)
        assert match, line
        properties = dict(pair.split("=", 1) for pair in match[2].split(","))
        found.append(
            (match[1], {key: unquote(value) for key, value in properties.items()}, unquote(match[3]))
        )
    return found


def test_github(check) -> None:
    out = check(CLASH, "--format", "github", name="50%2C,a:b.yaml")[1]
    (kind, where, message), (second, _, _) = annotations(out)
    assert (kind, second) == ("error", "warning")
    assert where == {
        "file": "50%2C,a:b.yaml", "line": "3", "endLine": "3", "col": "64", "endColumn": "70",
        "title": "vc5c (duplicate-service)",
    }  # fmt: skip
    assert message == "192.0.2.1:80:tcp is a service already\n50%2C,a:b.yaml:3:56: first given here"
    assert check(CLEAN, "--format", "github")[1] == ""


def test_sarif(check) -> None:
    code, out, err = check(CLASH, "--format", "sarif", name="ä ö.yaml")
    assert (code, err) == (1, "")
    (run,) = json.loads(out)["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    for rule in rules:
        assert RULES[rule["id"]].fix in rule["help"]["text"]
    clash, unchecked = run["results"]
    assert rules[clash["ruleIndex"]]["id"] == clash["ruleId"] == "duplicate-service"
    assert (clash["level"], unchecked["level"]) == ("error", "warning")
    assert clash["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "%C3%A4%20%C3%B6.yaml"},
        "region": {"startLine": 3, "startColumn": 64, "endLine": 3, "endColumn": 70},
    }
    (related,) = clash["relatedLocations"]
    assert related["message"] == {"text": "first given here"}
    assert related["physicalLocation"]["region"]["startColumn"] == 56


def test_sarif_of_nothing(check) -> None:
    (run,) = json.loads(check(CLEAN, "--format", "sarif")[1])["runs"]
    assert run["results"] == []


@pytest.mark.parametrize("form", FORMATS)
def test_standard_input_is_called_so(form: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CLASH.encode())))
    assert main(["-", "--check", "--format", form]) == 1
    shown = capsys.readouterr()
    assert "<stdin>" in unquote(shown.out + shown.err)


def test_the_report_never_mixes_with_the_document(check, tmp_path: Path, capsys) -> None:
    text = CLEAN.replace("http: ", "514/udp: ")
    Path("config.yaml").write_text(text)
    assert main(["config.yaml", "--format", "json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["version"] == 1
    assert "services" in json.loads(shown.out)
    assert json.loads(shown.err)["warnings"] == 1
    assert main(["config.yaml", "--format", "json", "-o", "out.json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == 1


def test_strict(check, tmp_path: Path) -> None:
    text = CLEAN.replace("http: ", "514/udp: ")
    assert check(text)[0] == 0
    assert check(text, "--strict")[0] == 1
    assert main(["config.yaml", "--strict", "-o", "out.json"]) == 1
    assert not Path("out.json").exists()
    assert check(CLEAN.replace("http: ", "https: "), "--strict")[0] == 0, "a note is no problem"


def test_several_files(check, capsys) -> None:
    Path("other.yaml").write_text("services: {}\n")
    code, out, _ = check(CLEAN, "other.yaml", "--format", "json")
    report = json.loads(out)
    assert code == 1
    assert report["files"] == ["config.yaml", "other.yaml"]
    assert [problem["file"] for problem in report["problems"]] == ["other.yaml"]
    with pytest.raises(SystemExit):
        main(["config.yaml", "other.yaml"])
    assert "only one compiled" in capsys.readouterr().err


@pytest.mark.parametrize(("choice", "coloured"), [("auto", False), ("always", True), ("never", False)])
def test_color(check, choice: str, coloured: bool) -> None:
    assert ("\x1b[31m" in check(CLASH, "--color", choice)[2]) == coloured


def test_rule(capsys) -> None:
    for rule in RULES.values():
        with pytest.raises(SystemExit) as caught:
            main(["--rule", rule.id])
        assert caught.value.code == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"{rule.id} ({rule.severity})\n")
        assert rule.fix.split()[0] in shown
    with pytest.raises(SystemExit) as caught:
        main(["--rule", "unknown-kye"])
    assert caught.value.code == 2
    assert "did you mean `unknown-key`?" in capsys.readouterr().err
