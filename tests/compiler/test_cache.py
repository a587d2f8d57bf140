"""The cache: what comes out is what went in or nothing, and nothing that happens to it is ever an error."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from vc5c.cache import ABANDONED, Cache, Unusable, default_folder
from vc5c.cli import main

KEY, DIGEST, SLOTS = "a" * 64, b"d" * 32, b"slots."
CONFIG = """
services:
  - {virtual: 192.0.2.1, servers: [10.0.0.1, 10.0.0.2], policy: {http: }}
  - {virtual: 192.0.2.2, servers: [10.0.0.3], policy: {http: }, table_size: 251}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def compiled(tmp_path: Path, folder: Path, capsys):
    """Compile CONFIG with the cache; the document, and what was said."""
    (tmp_path / "config.yaml").write_text(CONFIG)

    def run(*options: str) -> tuple[str, str]:
        arguments = options or ("--cache-dir", str(folder))
        assert main([str(tmp_path / "config.yaml"), *arguments]) == 0
        return tuple(capsys.readouterr())

    return run


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.table"))


def test_what_was_put_is_found_by_the_next(folder: Path) -> None:
    first = Cache(folder)
    assert first.get(KEY, len(SLOTS)) is None
    first.put(KEY, DIGEST, SLOTS)
    first.close()
    second = Cache(folder)
    assert second.get(KEY, len(SLOTS)) == (DIGEST, SLOTS)
    assert second.get(KEY, len(SLOTS) + 2) is None
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in entries(folder)] == [0o600]


def test_compiled_from_the_cache_without_filling_anything(compiled, folder: Path, monkeypatch) -> None:
    plain, said = compiled("--no-cache")
    assert said == ""
    assert not folder.exists()
    assert compiled() == (plain, "")
    assert len(entries(folder)) == 2
    monkeypatch.setattr("vc5c.maglev.fill", lambda spec: pytest.fail("filled anew"))
    assert compiled() == (plain, "")


def test_weights_and_size_are_part_of_the_key(compiled, folder: Path, tmp_path: Path) -> None:
    compiled()
    for change in (("[10.0.0.3]", "[10.0.0.4]"), ("251", "241"), ("251", "251, weights: {10.0.0.3: 2}")):
        (tmp_path / "config.yaml").write_text(CONFIG.replace(*change))
        with_cache, _ = compiled()
        assert with_cache == compiled("--no-cache")[0]
    assert len(entries(folder)) == 5


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "one bit": lambda path: path.write_bytes(path.read_bytes()[:-2] + bytes([path.read_bytes()[-2] ^ 1, 0])),
    "beyond the reals": lambda path: path.write_bytes(path.read_bytes()[:-2] + b"\xff\xff"),
    "the digest": lambda path: path.write_bytes(b"x" * 32 + path.read_bytes()[32:]),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a device": lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_anew(compiled, folder: Path, damage: str) -> None:
    good = compiled()
    before = {path: path.read_bytes() for path in entries(folder)}
    for path in before:
        DAMAGES[damage](path)
    assert compiled() == good
    if damage != "a directory":  # nothing to rename onto
        assert {path: path.read_bytes() for path in entries(folder)} == before


def test_one_tables_entry_is_no_others(compiled, folder: Path, tmp_path: Path) -> None:
    """Both of one size: only the digest tells them apart."""
    (tmp_path / "config.yaml").write_text(CONFIG.replace(", table_size: 251", ""))
    good = compiled()
    first, second = entries(folder)
    swapped = first.read_bytes(), second.read_bytes()
    second.write_bytes(swapped[0])
    first.write_bytes(swapped[1])
    assert compiled() == good


def test_an_entry_that_is_no_table_is_not_believed(compiled, folder: Path) -> None:
    """Not even with the digest that it would have in a document."""
    good = compiled()
    for table in json.loads(good[0])["tables"].values():
        slots = b"\xff\xff" * table["size"]
        forged = {**table, "slots": base64.b64encode(slots).decode()}
        text = json.dumps(forged, sort_keys=True, separators=(",", ":"))
        entry = next(path for path in entries(folder) if path.stat().st_size == 32 + len(slots))
        entry.write_bytes(hashlib.sha256(text.encode()).digest() + slots)
    assert compiled() == good


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used(compiled, folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    document, said = compiled()
    assert document == compiled("--no-cache")[0]
    assert said.startswith(f"vc5c: the cache {folder} is not used: others may write to it")
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_users_folder_is_not_used(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(Unusable, match="another user's"):
        Cache(folder)


def test_a_folder_that_cannot_be_is_not_used(compiled, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    good = compiled("--no-cache")
    for path in (tmp_path / "file", tmp_path / "file" / "x", Path("/proc/x"), Path("a\0b")):
        document, said = compiled("--cache-dir", str(path))
        assert document == good[0]
        assert "is not used" in said
    # Nobody chose the default one, so nobody is told.
    monkeypatch.delenv("VC5C_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert main([str(tmp_path / "config.yaml"), "-o", "/dev/null"]) == 0


def test_default_folder(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert default_folder() == Path("/var/cache/me/vc5c")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert default_folder() == Path("/home/me/.cache/vc5c")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert default_folder() is None


def test_what_was_not_used_for_longest_goes(folder: Path) -> None:
    keys = [letter * 64 for letter in "abcde"]
    cache = Cache(folder, limit=1000)
    for age, key in enumerate(keys):
        cache.put(key, DIGEST, bytes(68))
        os.utime(folder / f"{key}.table", (time.time() - 100 + age,) * 2)
    assert cache.get(keys[0], 68)  # which makes it the newest
    cache._limit = 300
    cache.close()
    assert [path.stem for path in entries(folder)] == [keys[0], keys[3], keys[4]]


def test_one_run_stores_no_more_than_fits(folder: Path) -> None:
    cache = Cache(folder, limit=250)
    for letter in "abcde":
        cache.put(letter * 64, DIGEST, bytes(68))
    assert len(entries(folder)) == 2
    cache.close()


def test_what_dead_compilers_left_goes_and_what_is_not_ours_stays(folder: Path) -> None:
    cache = Cache(folder)
    for name, age in (("tmpdead", ABANDONED + 60), ("tmpalive", 1), ("README", ABANDONED + 60)):
        (folder / name).write_text("x")
        os.utime(folder / name, (time.time() - age,) * 2)
    cache.put(KEY, DIGEST, SLOTS)
    cache.close()
    assert sorted(path.name for path in folder.iterdir()) == ["README", f"{KEY}.table", "tmpalive"]


def test_a_full_disk_keeps_nothing_by_halves(folder: Path, monkeypatch) -> None:
    cache = Cache(folder)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    cache.put(KEY, DIGEST, SLOTS)
    assert list(folder.iterdir()) == []
    cache.close()


def test_a_folder_that_vanishes(folder: Path) -> None:
    cache = Cache(folder)
    shutil.rmtree(folder)
    cache.put(KEY, DIGEST, SLOTS)
    assert cache.get(KEY, len(SLOTS)) is None
    cache.close()


def test_compilers_at_the_same_time(compiled, folder: Path, tmp_path: Path) -> None:
    good, _ = compiled("--no-cache")
    command = [sys.executable, "-m", "vc5c.cli", str(tmp_path / "config.yaml"), "--cache-dir", str(folder)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert {process.communicate()[0] for process in running} == {good}
    assert len(list(folder.iterdir())) == 2
