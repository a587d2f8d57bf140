"""`make install` into a DESTDIR, and out of it again; the unit as systemd judges it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
UNIT = TREE / "runtime" / "systemd" / "vc5d.service"
MOST_EXPOSED = 25  # tenths

EVERY = {
    *(f"usr/bin/{command}" for command in ("vc5c", "vc5d", "vc5ctl")),
    *(f"usr/share/bash-completion/completions/{command}" for command in ("vc5c", "vc5d", "vc5ctl")),
    *(f"usr/share/zsh/vendor-completions/_{command}" for command in ("vc5c", "vc5d", "vc5ctl")),
    *(f"usr/share/fish/vendor_completions.d/{command}.fish" for command in ("vc5c", "vc5d", "vc5ctl")),
    "etc/default/vc5d",
    "usr/lib/systemd/system/vc5d.service",
    "usr/lib/sysctl.d/60-vc5.conf",
    "usr/lib/sysusers.d/vc5.conf",
    "usr/lib/vc5/vc5.bpf.o",
    "usr/share/man/man1/vc5c.1",
    "usr/share/man/man8/vc5ctl.8",
    "usr/share/man/man8/vc5d.8",
    *(f"usr/share/doc/vc5/{name}" for name in ("README.md", "CHANGELOG.md", "LICENSE")),
    "usr/share/doc/vc5/examples/config.yaml",
    "usr/share/doc/vc5/examples/default",
}


def run(what: str, destdir: Path, prefix: str = "/usr") -> str:
    environment = {**os.environ, "DESTDIR": str(destdir), "PREFIX": prefix}
    command = [TREE / "tools" / "install", what]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def files(root: Path) -> set[str]:
    """All but what lies in the virtual environment."""
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or path.is_file()}
    return {path for path in found if "lib/vc5/venv/" not in path}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (TREE / "build" / "wheelhouse" / ".made").exists():
        pytest.skip("needs build/wheelhouse: make wheelhouse")
    root = tmp_path_factory.mktemp("installed")
    run("install", root)
    return root


def test_every_file_is_where_it_belongs(installed: Path) -> None:
    assert files(installed) == EVERY


def test_no_file_knows_where_it_was_made(installed: Path) -> None:
    """The way of a package: what is put into DESTDIR is moved to / later."""
    found = subprocess.run(
        ["grep", "-rl", str(installed), installed], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


def test_it_runs_without_the_tree(installed: Path, tmp_path: Path) -> None:
    """Moved elsewhere, by the environment's own Python: it finds its libraries and its program there."""
    moved = tmp_path / "moved"
    shutil.copytree(installed, moved, symlinks=True)
    python = moved / "usr/lib/vc5/venv/bin/python"
    script = "import vc5d, vc5c, sys; from vc5d import host; print(vc5d.__file__, host.default_object())"
    done = subprocess.run([python, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert [path.startswith(str(moved)) for path in done.stdout.split()] == [True, True]
    config = moved / "usr/share/doc/vc5/examples/config.yaml"
    subprocess.run([python, "-I", moved / "usr/lib/vc5/venv/bin/vc5c", "--check", config], check=True)


def test_uninstalling_leaves_nothing_but_what_was_changed(installed: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(installed, root, symlinks=True)
    assert run("uninstall", root) == ""
    assert [path for path in root.rglob("*") if not path.is_dir()] == []
    assert not (root / "etc/vc5").exists()
    assert not (root / "usr/lib/vc5").exists()


def test_what_a_person_wrote_is_kept(installed: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(installed, root, symlinks=True)
    (root / "etc/default/vc5d").write_text('VC5D_OPTIONS="/etc/vc5/config.json eth7"\n')
    (root / "etc/vc5/config.json").write_text("{}")
    run("install", root)
    assert "eth7" in (root / "etc/default/vc5d").read_text()
    told = run("uninstall", root)
    assert {"etc/default/vc5d", "etc/vc5/config.json"} == files(root)
    assert told.count("kept") == 2


def test_another_prefix(tmp_path: Path, installed: Path) -> None:
    run("install", tmp_path, "/usr/local")
    unit = (tmp_path / "usr/local/lib/systemd/system/vc5d.service").read_text()
    assert "ExecStart=/usr/local/bin/vc5d " in unit
    assert "ExecReload=/usr/local/bin/vc5ctl " in unit
    first = (tmp_path / "usr/local/lib/vc5/venv/bin/vc5d").read_text().splitlines()[0]
    assert first == "#!/usr/local/lib/vc5/venv/bin/python"


def test_exposure_of_the_unit() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", UNIT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_unit_grants_four_capabilities() -> None:
    lines = UNIT.read_text().splitlines()
    for key in ("AmbientCapabilities", "CapabilityBoundingSet"):
        (granted,) = [line.partition("=")[2].split() for line in lines if line.startswith(f"{key}=")]
        assert set(granted) == {"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF", "CAP_PERFMON"}
    assert "User=vc5" in lines
