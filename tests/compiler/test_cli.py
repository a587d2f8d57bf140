"""The command: exit codes, where things are written, and that nothing is written by halves."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from vc5c.cli import main

GOOD = "services: [{name: web, virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }}]\n"
BAD = "services: [{virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }, nead: 1}]\n"


@pytest.fixture
def config(tmp_path: Path):
    def write(text: str) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_document_on_standard_output(config, capsys) -> None:
    assert main([config(GOOD)]) == 0
    shown = capsys.readouterr()
    assert list(json.loads(shown.out)["services"]) == ["192.0.2.1:80:tcp"]
    assert shown.err == ""


def test_standard_input(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    assert main(["-"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(
        "<stdin>:1:72: error: unknown key `nead`; did you mean `need`? [unknown-key]\n"
    )
    assert shown.err.endswith("vc5c: <stdin>: 1 error\n")


def test_check_writes_nothing(config, capsys) -> None:
    assert main(["--check", config(GOOD)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["--check", config(BAD)]) == 1


def test_output_file(config, tmp_path: Path, capsys) -> None:
    out = tmp_path / "config.json"
    assert main([config(GOOD), "-o", str(out)]) == 0
    first = out.read_bytes()
    assert json.loads(first)["version"] == 1
    assert main([config(BAD), "-o", str(out)]) == 1
    assert out.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "config.yaml"]
    assert capsys.readouterr().out == ""


def test_output_keeps_the_mode_or_follows_umask(config, tmp_path: Path) -> None:
    out = tmp_path / "config.json"
    old = os.umask(0o027)
    try:
        assert main([config(GOOD), "-o", str(out)]) == 0
    finally:
        os.umask(old)
    assert out.stat().st_mode & 0o777 == 0o640
    out.chmod(0o600)
    assert main([config(GOOD), "-o", str(out)]) == 0
    assert out.stat().st_mode & 0o777 == 0o600


def test_output_through_a_link(config, tmp_path: Path) -> None:
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(target)
    assert main([config(GOOD), "-o", str(link)]) == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())["version"] == 1


@pytest.mark.parametrize("path", ["missing/config.yaml", ".", "a\0b"])
def test_unreadable(path: str, capsys) -> None:
    assert main([path]) == 2
    assert capsys.readouterr().err.startswith(f"vc5c: cannot read {path}: ")


def test_what_never_ends_is_no_configuration(capsys) -> None:
    assert main(["--check", "/dev/zero"]) == 2
    assert capsys.readouterr().err.startswith("vc5c: cannot read /dev/zero: it is longer than 64 MiB")


def test_unwritable(config, tmp_path: Path, capsys) -> None:
    assert main([config(GOOD), "-o", str(tmp_path / "missing" / "x.json")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_no_arguments() -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--router-id", "here", "'here' is not an IPv4 address"),
        ("--source", "lb1", "'lb1' is not an IP address"),
        ("--bfd-interval", "-1", "'-1' is not a number from 10 to 60000"),
        ("--bfd-multiplier", "99999999999", "is not a number from 2 to 255"),
        ("--password", "10.0.0.200=password", "is not PEER=/absolute/path"),
        ("--password", "router=/etc/bird/password", "'router' is not an IP address"),
        ("--emit", "xml", "invalid choice"),
    ],
)
def test_bad_options(config, capsys, option: str, value: str, said: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([config(GOOD), f"{option}={value}"])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_emit_bird(config, capsys) -> None:
    text = "bgp: {as_number: 65000, peers: [10.0.0.200]}\n" + GOOD
    arguments = [config(text), "--emit", "bird", "--router-id", "10.0.0.9", "--source", "10.0.0.9"]
    assert main([*arguments, "--bfd-interval", "50"]) == 0
    shown = capsys.readouterr().out
    assert "router id 10.0.0.9;" in shown
    assert "interval 50 ms;" in shown
    assert main(arguments[:3]) == 1
    assert main([*arguments[:3], "--check"]) == 1


def test_colour_only_on_a_terminal_that_wants_it(config, capsys, monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main([config(BAD)])
    assert "\x1b[31m" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    main([config(BAD)])
    assert "\x1b" not in capsys.readouterr().err


def test_reader_gone(config) -> None:
    """`vc5c … | head`: no traceback."""
    command = f"{sys.executable} -m vc5c.cli {config(GOOD)} | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_example_compiles(capsys) -> None:
    example = Path(__file__).parents[2] / "inventories" / "example" / "config.yaml"
    assert main([str(example)]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert len(json.loads(shown.out)["services"]) == 4


def test_a_defect_is_told_without_a_traceback(config, monkeypatch, capsys) -> None:
    monkeypatch.setattr("vc5c.compile.resolve", lambda _config: {}["a key"])
    assert main([config(GOOD)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err.startswith("vc5c: a defect of vc5c: KeyError('a key') at cli.py:")
