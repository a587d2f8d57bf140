"""What can be judged without a virtual machine: apt's sources, the archive's form, the copy of the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from vm import figures, host, ipvs, matrix, tree
from vm.cable import cable
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


def test_figures_go_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n")
    figures.put(page, "x", "new\nlines")
    assert page.read_text() == "a\n<!-- x -->\nnew\nlines\n<!-- /x -->\nb\n"
    with pytest.raises(ValueError, match="no place for y"):
        figures.put(page, "y", "new")


def test_matrix_says_what_a_kernel_refuses() -> None:
    cost = {"instructions": 5000, "machine_code": 23000, "verified": 31000}
    good = {"kernel": "6.1", "compiler": "clang-14", "plain": cost, "tracing": cost, "frames": {"alike": 545}}
    bad = {"kernel": "6.1", "compiler": "clang-19", "refused": "the verifier refuses: R1\nits log"}
    lines = matrix.table([good, bad]).splitlines()
    assert lines[2] == "| 6.1 | clang 14 | yes | 5,000 | 23,000 bytes | 31,000 | 31,000 | 545 of 545 |"
    assert lines[3].startswith("| 6.1 | clang 19 | no: the verifier refuses: R1 |")
    assert len({line.count("|") for line in lines}) == 1


def test_side_by_side_is_net_of_the_wire() -> None:
    by_path = {ipvs.ALONE: 1000.0, ipvs.OURS: 1500.0, ipvs.GENERIC: 2000.0, ipvs.IPVS: 3000.0}
    said = ipvs.costs({"kernel": "6.12", "costs": {"established": by_path}})
    assert "| established | 2,000 | 500 | 1,000 | 4.0 | 2.0 |" in said
    assert "| established | 333,333 | 666,667 | 500,000 | 2.0 |" in said


def test_a_cable_has_a_namespace_while_it_is_used() -> None:
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        pytest.skip("needs root and /dev/net/tun")
    with cable(0) as none:
        assert none is None
    with cable(4) as made:
        assert made is not None
        shown = host.run(["ip", "-n", made.netns, "-br", "link", "show", "master", "bridge"])
        assert sorted(line.split()[0] for line in shown.splitlines()) == ["tap0", "tap1"]
        assert sum("queues=4" in word for word in made.devices) == 2
    assert made.netns not in host.run(["ip", "netns", "list"])
