"""Bad input at the command line: one clear message, an exit code other than 0, nothing half-applied."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import cleanup, topology
from lab.balancer import Balancer
from lab.host import run
from lab.plan import BALANCERS, COMMANDS, CONFIG, Names

FAULTS = {
    # what is wrong: (text in the lab's configuration, what stands there instead, words of the message)
    "a wrong key": ("    need: 1\n    path:", "    need: 1\n    pahth:", ["pahth", "path"]),
    "a VIP twice on the same port": (
        "      - 192.168.101.1\n",
        "      - 192.168.101.1\n" * 2,
        ["192.168.101.1"],
    ),
    "a server in no VLAN": ("10.1.20.12", "10.1.30.12", ["10.1.30.12", "VLAN"]),
    "broken YAML": ("    servers:\n", "    servers: [\n", ["YAML"]),
    "a tab": ("    need: 1", "\tneed: 1", ["tab"]),
}


def vc5(command: str, *arguments: str | Path, netns: str = "") -> subprocess.CompletedProcess[str]:
    words: list[str | Path] = ["nsenter", f"--net=/run/netns/{netns}", "--"] if netns else []
    words += [COMMANDS / command, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, f"the message does not say {word!r}:\n{done.stderr}"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_compiler_refuses(fault: str, tmp_path: Path) -> None:
    before, after, words = FAULTS[fault]
    text = CONFIG.read_text()
    assert text.count(before) == 1, "the fault must be made in exactly one place"
    config, output = tmp_path / "config.yaml", tmp_path / "config.json"
    config.write_text(text.replace(before, after))
    output.write_text("the last good one")
    done = vc5("vc5c", config, "--output", output)
    assert_refused(done, "config.yaml:", *words)
    assert done.stdout == ""
    assert output.read_text() == "the last good one"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["config.json", "config.yaml"]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> str:
    done = vc5("vc5c", CONFIG)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tamper(document: str) -> str:
    """Someone edits the compiled file by hand: a weight, which leaves its digest behind."""
    loaded = json.loads(document)
    next(iter(loaded["services"].values()))["need"] = 2
    return json.dumps(loaded)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text, ""),
        (lambda text: text[: len(text) // 2], "JSON"),
        (tamper, "digest"),
        (lambda text: "", "empty"),
        (lambda text: "[]", "version"),
    ],
    ids=["whole", "truncated", "tampered with", "empty", "a list"],
)
def test_the_daemon_refuses_a_damaged_document(
    change: Callable[[str], str], word: str, document: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(change(document))
    done = vc5("vc5d", "--check", path)
    if not word:
        assert done.returncode == 0, done.stderr
    else:
        assert_refused(done, str(path), word)


def test_the_daemon_refuses_a_document_that_is_not_there(tmp_path: Path) -> None:
    assert_refused(vc5("vc5d", "--check", tmp_path / "none.json"), "none.json")


@pytest.mark.lab
def test_the_daemon_refuses_an_interface_that_does_not_exist(names: Names, document: str) -> None:
    names.state.mkdir()
    topology.build(names)
    balancer = Balancer(names, BALANCERS[0])
    balancer.document.write_text(document)
    before = _host(balancer)
    done = vc5("vc5d", *balancer.options, balancer.document, "eth7", netns=balancer.netns)
    assert_refused(done, "eth7")
    assert not balancer.pins.exists(), "maps are pinned although nothing runs"
    assert _host(balancer) == before
    assert not [trace for trace in cleanup.traces(names) if trace.startswith(("process", "pins"))]


def _host(balancer: Balancer) -> str:
    """What a load balancer's start would change: devices and addresses, rules, XDP."""
    netns = balancer.netns
    return run(["ip", "-n", netns, "-4", "address"]) + run(["ip", "-n", netns, "rule"]) + balancer.attached()
