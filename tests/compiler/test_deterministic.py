"""The same configuration gives the same bytes, whatever the machine, the order of keys, or the way there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from vc5c import emit, maglev_library, tables
from vc5c.compile import load
from vc5c.problems import Problems, Rejected
from vc5c.resolve import resolve
from vc5c.source import Source, Unreadable

ROOT = Path(__file__).parents[2]
CASES = sorted(Path(__file__).parent.glob("golden/*/config.yaml"))


def document(text: str) -> bytes:
    return b"".join(emit.document(resolve(load(Source("config.yaml", text), Problems()))))


def run(path: Path, *options: str, prefix: tuple[str, ...] = (), **environment: str) -> bytes:
    command = [*prefix, sys.executable, *options, "-m", "vc5c.cli", str(path)]
    return subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment}).stdout


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Path:
    """A configuration with something of all: services of both families, weights, BGP, VLANs, neighbors."""
    path = tmp_path_factory.mktemp("everything") / "config.yaml"
    servers = ", ".join(f"10.0.0.{n}" for n in range(1, 40))
    path.write_text(
        f"""
bgp: {{as_number: 65000, peers: [10.0.0.201, 10.0.0.200], communities: ["65000:1"]}}
vlans: {{20: 10.0.1.0/24, 10: 10.0.0.0/24}}
vlans6: {{30: "2001:db8::/64"}}
neighbors: {{10.0.0.2: "02:00:00:00:00:02", 10.0.0.1: "02:00:00:00:00:01"}}
logging: {{b: 1, a: [é, null, 1.5]}}
services:
  - {{name: one, virtual: [192.0.2.2, 192.0.2.1*], servers: [{servers}], policy: {{http: , 8080: }},
      weights: {{10.0.0.3: 3, 10.0.0.1: 2}}}}
  - {{virtual: "2001:db8:1::1", servers: ["2001:db8::9", "2001:db8::1"], policy: {{domain: , imap: }}}}
""",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_hash_seed(everything: Path, seed: str) -> None:
    assert run(everything, PYTHONHASHSEED=seed) == run(everything, PYTHONHASHSEED="random")


LOCALES = {
    "C": {"LC_ALL": "C"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Latin 1 output": {"PYTHONIOENCODING": "latin-1"},
    "UTF-16 output": {"PYTHONIOENCODING": "utf-16"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "LANGUAGE": "tr"},
    "another time": {"TZ": "Pacific/Kiritimati"},
}


@pytest.mark.parametrize("locale", LOCALES)
def test_locale(everything: Path, locale: str) -> None:
    assert run(everything, **LOCALES[locale]) == run(everything, LC_ALL="C.UTF-8")


def test_optimized_python(everything: Path) -> None:
    assert run(everything, "-OO") == run(everything)


def test_cores_cache_and_library(everything: Path, monkeypatch, tmp_path: Path) -> None:
    expected = document(everything.read_text(encoding="utf-8"))
    assert run(everything, VC5C_CACHE=str(tmp_path / "cache")) == expected
    assert list((tmp_path / "cache").iterdir())
    assert run(everything, VC5C_CACHE=str(tmp_path / "cache")) == expected
    assert run(everything, VC5C_CACHE="/dev/null") == expected
    for cores in (1, 2, 16):
        monkeypatch.setattr(tables, "_cores", lambda cores=cores: cores)
        assert document(everything.read_text(encoding="utf-8")) == expected
    monkeypatch.setattr(maglev_library, "LIBRARY", tmp_path / "missing.so")
    maglev_library.library.cache_clear()
    try:
        assert maglev_library.library() is None
        assert document(everything.read_text(encoding="utf-8")) == expected
    finally:
        maglev_library.library.cache_clear()


@pytest.mark.skipif(not shutil.which("taskset"), reason="needs taskset")
def test_one_core(everything: Path) -> None:
    assert run(everything, prefix=("taskset", "-c", "0")) == run(everything)


def test_the_bytes_of_long_ago(everything: Path) -> None:
    """A change here moves flows, or makes every fleet reload: it belongs into the changelog."""
    text = document(everything.read_text(encoding="utf-8"))
    slots = {key: table["slots"] for key, table in json.loads(text)["tables"].items()}
    assert hashlib.sha256(json.dumps(slots, sort_keys=True).encode()).hexdigest() == (
        "a429a1d1c7f1f824801bd45f09fc8dddc3648546842f11d0ac6ed9eb5fd9b6b1"
    )


def shuffled(value, source: random.Random):
    """The same with the keys of all mappings in another order."""
    if isinstance(value, dict):
        keys = list(value)
        source.shuffle(keys)
        return {key: shuffled(value[key], source) for key in keys}
    return [shuffled(item, source) for item in value] if isinstance(value, list) else value


def rewritten(tree) -> str:
    """As YAML in another style than people's."""
    return yaml.safe_dump(tree, sort_keys=False, width=10_000).replace("'", "")


@pytest.fixture(scope="module")
def trees():
    """Those of the golden cases that can be said so, and need no other files; with the document."""
    found = []
    for case in CASES:
        tree = yaml.load(case.read_text(encoding="utf-8"), yaml.BaseLoader)
        with contextlib.suppress(Rejected, Unreadable):
            found.append((tree, document(rewritten(tree))))
    assert len(found) >= 5
    return found


@given(st.data(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_of_keys(trees, data, source: random.Random) -> None:
    tree, expected = data.draw(st.sampled_from(trees))
    assert document(rewritten(shuffled(tree, source))) == expected


@given(st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_order_of_services_and_servers(source: random.Random) -> None:
    services = [
        {
            "virtual": ["192.0.2.1", "192.0.2.9"],
            "servers": ["10.0.0.1", "10.0.0.2", "10.0.0.10"],
            "policy": {"http": None},
        },
        {
            "virtual": ["192.0.2.2"],
            "servers": ["10.0.0.2", "10.0.0.3*"],
            "policy": {"ssh": None, "http": None},
        },
    ]
    expected = document(json.dumps({"services": services}))
    source.shuffle(services)
    for service in services:
        source.shuffle(service["virtual"])
        source.shuffle(service["servers"])
    assert document(json.dumps({"services": services})) == expected


def test_built_twice_the_library_has_the_same_bytes(tmp_path: Path) -> None:
    """And nothing in it is for this machine alone."""
    makefile = (ROOT / "Makefile").read_text()
    assert "-march" not in makefile
    assert "-mtune" not in makefile
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    built = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        subprocess.run(
            ["make", "-s", "-C", str(ROOT), "-o", "packages", f"MAGLEV={folder}/x.so", f"{folder}/x.so"],
            check=True,
        )
        built.append((folder / "x.so").read_bytes())
    assert built[0] == built[1]
