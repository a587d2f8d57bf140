"""Files are replaced whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5c.output import Unwritable, write


def failing() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("a defect")


def test_half_a_document_leaves_no_trace(tmp_path: Path) -> None:
    out = tmp_path / "config.json"
    out.write_text("old")
    with pytest.raises(RuntimeError):
        write(failing(), str(out))
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_no_file_is_written_through() -> None:
    write([b"x"], "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_full_disk() -> None:
    with pytest.raises(Unwritable, match="cannot write /dev/full: No space left on device"):
        write([b"x"], "/dev/full")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="Is a directory"):
        write([b"x"], str(tmp_path))


def modified(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_mtime_ns, about.st_ino


def test_left_alone_when_nothing_changed(tmp_path: Path) -> None:
    out = tmp_path / "config.json"
    assert write([b"one", b"two"], str(out))
    before = modified(out)
    assert not write([b"onet", b"", b"wo"], str(out))
    assert modified(out) == before
    for other in ([b"one"], [b"onetwo", b"3"], [b"onetwO"], []):
        out.write_bytes(b"onetwo")
        assert write(other, str(out))
        assert out.read_bytes() == b"".join(other)


def test_a_link_stays_a_link_to_a_file_that_is_left_alone(tmp_path: Path) -> None:
    out, link = tmp_path / "config.json", tmp_path / "link.json"
    link.symlink_to(out)
    assert write([b"new"], str(link))  # the link dangled
    assert (link.is_symlink(), out.read_bytes()) == (True, b"new")
    before = modified(out)
    assert not write([b"new"], str(link))
    assert modified(out) == before


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(Unwritable, match="Too many levels of symbolic links"):
        write([b"x"], str(tmp_path / "a"))


def test_a_long_name(tmp_path: Path) -> None:
    out = tmp_path / ("é" * 120 + ".json")
    assert write([b"x"], str(out))
    assert out.read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owner_and_mode_stay(tmp_path: Path) -> None:
    out = tmp_path / "config.json"
    out.write_bytes(b"old")
    os.chown(out, 1234, 5678)
    out.chmod(0o640)
    write([b"new"], str(out))
    about = out.stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o7777) == (1234, 5678, 0o640)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """64 kB."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_fills_up_leaves_the_old_file(small_disk: Path) -> None:
    out = small_disk / "config.json"
    write([b"old"], str(out))
    with pytest.raises(Unwritable, match="No space left on device"):
        write([bytes(1000)] * 100, str(out))
    assert out.read_bytes() == b"old"
    assert list(small_disk.iterdir()) == [out]


def run(config: str, redirection: str) -> subprocess.CompletedProcess[str]:
    command = f"exec {sys.executable} -m vc5c.cli - --no-cache {redirection}"
    return subprocess.run(["bash", "-c", command], input=config, capture_output=True, text=True, check=False)


SERVICES = "services: [{virtual: 192.0.2.1, servers: [10.0.0.1], policy: {http: }, table_size: 65537}]\n"


def test_a_reader_that_has_gone_is_told_nothing() -> None:
    done = run(SERVICES, "> >(head -c 10 >/dev/null)")
    assert (done.returncode, done.stderr) == (2, "")


def test_standard_output_closed_or_full() -> None:
    done = run(SERVICES, ">&-")
    assert (done.returncode, done.stderr) == (
        2,
        "vc5c: cannot write the output: standard output is closed\n",
    )
    done = run(SERVICES, "> /dev/full")
    assert (done.returncode, done.stderr) == (2, "vc5c: cannot write the output: No space left on device\n")


def test_no_room_for_the_tables(small_disk: Path) -> None:
    """More tables than memory is meant for go to a file without a name, under TMPDIR."""
    limit = "import sys, vc5c.spool as s; s.Spool.__init__.__defaults__ = (0,); from vc5c import cli; "
    command = [sys.executable, "-c", f"{limit}sys.exit(cli.main(['-', '--no-cache']))"]
    environment = {**os.environ, "TMPDIR": str(small_disk)}
    done = subprocess.run(
        command, input=SERVICES, capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "vc5c: cannot write the document: no room for its tables: No space left on device; "
        "TMPDIR says where\n"
    )
