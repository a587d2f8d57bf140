"""What can be judged without a virtual machine: apt's sources, the archive's form, the copy of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vm import host, tree
from vm.initramfs import initramfs
from vm.sources import host_release, translate

DEBIAN = """\
http://mirror.example/debian/ bookworm main Debian
http://mirror.example/debian/ bookworm-updates main Debian
http://mirror.example/debian/ bookworm-backports main Debian
http://mirror.example/debian-security/ bookworm-security main Debian
http://other.example/apt bookworm stable
http://other.example/apt bookworm main Other
http://other.example/apt bookworm-pgdg main
http://other.example/apt cloud-bookworm main
"""


def test_sources_of_another_release() -> None:
    assert translate(DEBIAN, "bookworm", "trixie") == [
        ("http://mirror.example/debian/", "trixie"),
        ("http://mirror.example/debian/", "trixie-updates"),
        ("http://mirror.example/debian-security/", "trixie-security"),
    ]


def test_sources_before_the_first_update() -> None:
    """Without apt's lists, the origin is not known."""
    assert translate("http://mirror.example/debian/ bookworm main \n", "bookworm", "bookworm") == [
        ("http://mirror.example/debian/", "bookworm")
    ]


@pytest.mark.parametrize(
    ("targets", "release"),
    [
        pytest.param(DEBIAN, "", id="not Debian"),
        pytest.param(DEBIAN.replace("bookworm", "noble"), "bookworm", id="another release's"),
        pytest.param(
            "http://mirror.example/s bookworm-security main Debian", "bookworm", id="no main archive"
        ),
    ],
)
def test_no_sources(targets: str, release: str) -> None:
    assert translate(targets, release, "trixie") == []


def test_host_release() -> None:
    assert host_release('NAME="Debian GNU/Linux"\nVERSION_CODENAME=trixie\nID=debian\n') == "trixie"
    assert host_release("VERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n") == ""


def test_initramfs_is_an_archive(tmp_path: Path) -> None:
    if shutil.which("cpio") is None:
        pytest.skip("needs cpio")
    busybox, module = tmp_path / "busybox", tmp_path / "00-a.ko"
    busybox.write_bytes(b"program")
    module.write_bytes(b"a module\n")
    archive = initramfs(busybox, [module], "echo 'ü'; exit 3")
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["cpio", "-i", "--quiet"], input=archive, cwd=out, check=True)
    assert (out / "command").read_text() == "echo 'ü'; exit 3\n"
    assert (out / "modules/00-a.ko").read_bytes() == b"a module\n"
    assert (out / "bin/busybox").read_bytes() == b"program"
    assert os.access(out / "init", os.X_OK)
    assert (out / "dev").is_dir()


def test_kept_makes_once_and_forgets_the_former(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "BUILD", tmp_path)
    made = []

    def make(path: Path) -> None:
        made.append(path.name)
        path.write_text("content")

    first = host.kept("root", host.digest("1"), make, suffix=".img")
    (tmp_path / "root-0123456789ab").mkdir()  # the directory beside the image is another thing
    assert host.kept("root", host.digest("1"), make, suffix=".img") == first
    second = host.kept("root", host.digest("2"), make, suffix=".img")
    assert len(made) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["root-0123456789ab", second.name])


def test_kept_leaves_the_former_when_making_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "BUILD", tmp_path)
    first = host.kept("root", host.digest("1"), lambda path: path.mkdir())

    def fail(path: Path) -> None:
        path.mkdir()
        raise host.VmError("no")

    with pytest.raises(host.VmError):
        host.kept("root", host.digest("2"), fail)
    assert first.exists()
    assert host.kept("root", host.digest("2"), lambda path: path.mkdir()).exists()


def test_digest_tells_parts_apart() -> None:
    assert host.digest("ab", "c") != host.digest("a", "bc")


def test_copy_follows_the_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here, copy = tmp_path / "here", tmp_path / "copy"
    monkeypatch.setattr(tree, "ROOT", here)
    (here / "a").mkdir(parents=True)
    for name in ("a/stays", "a/goes", "changes"):
        (here / name).write_text("old")
    os.utime(here / "changes", (1_000_000_000, 1_000_000_000))
    tree.copy_tree(["a/stays", "a/goes", "changes"], copy)
    assert (copy / "changes").stat().st_mtime == 1_000_000_000, "make goes by times"
    (copy / "built").write_text("by make, inside")
    (here / "changes").write_text("new")
    (here / "a/stays").chmod(0o755)
    tree.copy_tree(["a/stays", "changes"], copy)
    assert (copy / "changes").read_text() == "new"
    assert os.access(copy / "a/stays", os.X_OK)
    assert not (copy / "a/goes").exists()
    assert (copy / "built").exists()


def test_command_inside_a_root_is_named_when_it_fails() -> None:
    with pytest.raises(host.VmError, match=r"^`make x` failed with 3"):
        host.run(["make", "x"], within=["sh", "-c", "exit 3", "enter"])
