"""`vc5c --diff`: exit codes, what is written where, and what cannot be compared."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from vc5c.cli import main

ONE = """\
services:
- {name: web, virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], table_size: 251, policy: {80: , 81: }}
"""
TWO = ONE.replace("10.0.0.2", "10.0.0.3")
GONE = ONE.replace(", 81: ", "")


@pytest.fixture
def written(tmp_path: Path, capsys):
    """Configurations and their documents: one.yaml, one.json, …"""
    for name, text in (("one", ONE), ("two", TWO), ("gone", GONE)):
        (tmp_path / f"{name}.yaml").write_text(text)
        assert main([str(tmp_path / f"{name}.yaml"), "-o", str(tmp_path / f"{name}.json")]) == 0
    capsys.readouterr()
    return lambda name: str(tmp_path / name)


@pytest.mark.parametrize("old", ["one.json", "one.yaml"])
@pytest.mark.parametrize("new", ["two.json", "two.yaml"])
def test_documents_and_configurations(written, capsys, old, new) -> None:
    assert main(["--diff", written(old), written(new)]) == 3
    shown = capsys.readouterr()
    assert "~ service 192.0.2.1:80:tcp (web)\n    - real 10.0.0.2\n    + real 10.0.0.3\n" in shown.out
    assert shown.err == ""


def test_no_changes(written, capsys) -> None:
    assert main(["--diff", written("one.json"), written("one.yaml")]) == 0
    assert capsys.readouterr().out.startswith("No changes: ")


def test_standard_input_is_either(written, capsys, monkeypatch) -> None:
    for arguments in (["--diff", "-", written("two.yaml")], ["--diff", written("one.json"), "-"]):
        text = Path(written("one.json" if arguments[1] == "-" else "two.yaml")).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert main(arguments) == 3
        assert "<stdin>" in capsys.readouterr().out
    assert main(["--diff", "-", "-"]) == 2
    assert "only one of the two" in capsys.readouterr().err


def test_output_too(written, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert main(["--diff", written("one.json"), written("two.yaml"), "-o", str(out)]) == 3
    assert out.read_bytes() == Path(written("two.json")).read_bytes()
    assert main(["--diff", written("one.json"), written("one.json"), "-o", str(out)]) == 0
    assert out.read_bytes() == Path(written("one.json")).read_bytes()


def test_refused_and_nothing_written(written, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.json"
    arguments = ["--diff", written("one.json"), written("gone.yaml"), "-o", str(out)]
    assert main([*arguments, "--fail-above", "99.9"]) == 4
    shown = capsys.readouterr()
    assert (
        "100 % of the connections of 192.0.2.1:81:tcp (web) at risk; --fail-above allows 99.9 %" in shown.err
    )
    assert "- service 192.0.2.1:81:tcp" in shown.out
    assert not out.exists()
    assert main([*arguments, "--fail-above", "100"]) == 3
    assert out.exists()


def test_what_is_protected_is_not_refused(written) -> None:
    assert main(["--diff", written("one.json"), written("two.json"), "--fail-above=0"]) == 3


@pytest.mark.parametrize(
    ("content", "counted"),
    [
        ({"192.0.2.1:81:tcp": 30}, 30),
        (
            {
                "services": {
                    "192.0.2.1:81:tcp": {
                        "reals": {"10.0.0.1": {"sessions": 20}, "10.0.0.2": {"sessions": 10}}
                    }
                }
            },
            30,
        ),
        ({"192.0.2.9:81:tcp": 7}, 0),
    ],
)
def test_sessions(written, tmp_path: Path, capsys, content, counted) -> None:
    file = tmp_path / "sessions.json"
    file.write_text(json.dumps(content))
    arguments = [
        "--diff",
        written("one.json"),
        written("gone.json"),
        "--plan-format",
        "json",
        "--sessions",
        str(file),
    ]
    code = main([*arguments, "--fail-above", "10"])
    told = json.loads(capsys.readouterr().out)
    assert told["services"]["192.0.2.1:81:tcp"]["sessions"] == {
        "now": counted,
        "at_risk": counted,
        "protected": 0,
    }
    assert (code, told["refused"]) == ((4, True) if counted else (3, False))
    main([*arguments, "--sessions", "5"])
    told = json.loads(capsys.readouterr().out)
    assert told["services"]["192.0.2.1:81:tcp"]["sessions"]["now"] == counted + 5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[1]", "is no JSON object"),
        ("x", "is not JSON"),
        ('{"a": "many"}', "is no number of connections"),
        ('{"a": -1}', "is no number of connections"),
        ('{"services": {"a": {"reals": {"10.0.0.1": {}}}}}', "does not count them"),
        ('{"services": {"a": 1}}', "has no reals"),
        (None, "cannot read"),
    ],
)
def test_bad_sessions(written, tmp_path: Path, capsys, content, why) -> None:
    file = tmp_path / "sessions.json"
    if content is not None:
        file.write_text(content)
    assert main(["--diff", written("one.json"), written("two.json"), "--sessions", str(file)]) == 2
    shown = capsys.readouterr()
    assert why in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def tampered(text: str, **changes) -> str:
    return json.dumps({**json.loads(text), **changes})


BAD = {
    "not whole": (lambda text: text[:500], "is no whole document"),
    "changed": (lambda text: text.replace("10.0.0.1", "10.0.0.7"), "digest does not match"),
    "VC5's own": (lambda _: '{"services": {}, "vlans": {}}', "it has no `version`"),
    "no digest": (
        lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "digest"}),
        "no `digest`",
    ),
    "older": (lambda text: tampered(text, version=0), "is a document of version 0; this vc5c knows 1"),
    "newer": (lambda text: tampered(text, version="2\x1b"), 'is a document of version "2\\u001b"'),
    "NaN": (lambda text: text.replace('"seed":0', '"seed":NaN'), "is no whole document"),
}


@pytest.mark.parametrize("which", BAD)
def test_what_is_no_document(written, tmp_path: Path, capsys, which) -> None:
    change, why = BAD[which]
    bad = tmp_path / "bad.json"
    bad.write_text(change(Path(written("one.json")).read_text()))
    for arguments in (["--diff", str(bad), written("two.yaml")], ["--diff", written("two.json"), str(bad)]):
        assert main(arguments) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert why in shown.err
        assert shown.err.startswith(f"vc5c: {bad}")
        assert "\x1b" not in shown.err


def test_digest_of_another_layout_is_the_same(written, tmp_path: Path) -> None:
    """`jq .` changes the text, and not what it says."""
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(Path(written("one.json")).read_text()), indent=2))
    assert main(["--diff", str(pretty), written("one.yaml")]) == 0


def reseal(raw: dict) -> str:
    from hashlib import sha256

    from vc5c.emit import canonical

    value = {key: each for key, each in raw.items() if key != "digest"}
    return json.dumps({**value, "digest": "sha256:" + sha256(canonical(value).encode()).hexdigest()})


HOSTILE = [
    lambda d: d.update(services=[]),
    lambda d: d.update(tables={}),
    lambda d: d.update(seed="x"),
    lambda d: d.update(seed=None),
    lambda d: d.update(neighbors={"10.0.0.1": 1}),
    lambda d: d.update(bgp=[1]),
    lambda d: d.update(block={"x": []}),
    lambda d: d.update(block=[]),
    lambda d: d.update(flow_lifetime="long"),
    lambda d: d.update(defcon="high"),
    lambda d: d.pop("bgp"),
    lambda d: d["services"].update({"nobody:80:tcp": d["services"]["192.0.2.1:80:tcp"]}),
    lambda d: d["services"]["192.0.2.1:80:tcp"].pop("reals"),
    lambda d: d["services"]["192.0.2.1:80:tcp"].update(reals={}),
    lambda d: next(iter(d["tables"].values())).update(slots="!"),
    lambda d: next(iter(d["tables"].values())).update(slots="AAAA"),
    lambda d: next(iter(d["tables"].values())).update(slots="//8=" * 100),
    lambda d: next(iter(d["tables"].values())).update(size=0),
    lambda d: next(iter(d["tables"].values())).update(size="big"),
    lambda d: next(iter(d["tables"].values())).update(weights=[]),
    lambda d: next(iter(d["tables"].values())).update(reals=[[], {}]),
]


@pytest.mark.parametrize("change", HOSTILE)
def test_hostile_documents(written, tmp_path: Path, capsys, change) -> None:
    """With a digest that is right: one message each, and no traceback."""
    raw = json.loads(Path(written("one.json")).read_text())
    change(raw)
    bad = tmp_path / "bad.json"
    bad.write_text(reseal(raw))
    assert main(["--diff", str(bad), written("two.json")]) == 2
    shown = capsys.readouterr()
    assert "defect" not in shown.err
    assert shown.err.startswith("vc5c: ")
    assert shown.out == ""


def test_problems_of_a_configuration(written, tmp_path: Path, capsys) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(ONE.replace("servers", "sorvers"))
    for arguments in (["--diff", written("one.json"), str(bad)], ["--diff", str(bad), written("one.json")]):
        assert main(arguments) == 1
        shown = capsys.readouterr()
        assert shown.err.startswith(f"{bad}:2:")
        assert shown.out == ""
    assert main(["--diff", str(tmp_path / "none.json"), written("one.json")]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--diff", "a", "--check"],
        ["--diff", "a", "--migrate"],
        ["--diff", "a", "--emit", "bird"],
        ["--diff", "a", "--explain", "1.2.3.4:5", "1.2.3.4:5"],
        ["--fail-above", "5"],
        ["--sessions", "5"],
        ["--down", "10.0.0.1"],
        ["--diff", "a", "--fail-above", "101"],
        ["--diff", "a", "--fail-above", "nan"],
    ],
)
def test_options_that_make_no_sense(written, arguments) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, written("one.yaml")])
    assert caught.value.code == 2


def test_colour(written, capsys, monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    main(["--diff", written("one.json"), written("two.json")])
    assert "\x1b[32m+\x1b[0m real" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main(["--diff", written("one.json"), written("two.json")])
    assert "\x1b" not in capsys.readouterr().out


def test_names_are_safe_to_print(written, tmp_path: Path, capsys) -> None:
    nasty = tmp_path / "nasty.json"
    raw = json.loads(Path(written("two.json")).read_text())
    for service in raw["services"].values():
        service["name"] = "a\x1b[2J|`````<b>"
    nasty.write_text(reseal(raw))
    for form in ("human", "markdown"):
        main(["--diff", written("one.json"), str(nasty), "--plan-format", form])
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
    assert shown.count("`````") == 2


def test_compiling_does_not_wait_for_numpy(written) -> None:
    arguments = [written("one.yaml"), "--check"]
    script = f"import sys; from vc5c.cli import main; main({arguments}); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_markdown_is_bounded(tmp_path: Path, capsys) -> None:
    """A comment may have 65,536 characters."""
    for name, real in (("a", 1), ("b", 2)):
        services = "".join(
            f"- {{name: {'n' * 60}, virtual: 10.9.{n // 250}.{n % 250 + 1}, servers: [10.0.0.{real}], "
            "table_size: 2, policy: {80: {track: minimal}}}\n"
            for n in range(400)
        )
        (tmp_path / f"{name}.yaml").write_text(f"services:\n{services}")
    arguments = ["--diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), "--plan-format", "markdown"]
    assert main(arguments) == 3
    shown = capsys.readouterr().out
    assert 10_000 < len(shown) < 60_000
    assert "… 380 more" in shown
    assert "… cut here" in shown
    assert shown.endswith("</details>\n")
