"""The project as it lies here, built inside a root directory, as an image for the guest."""

from __future__ import annotations

import shutil
from pathlib import Path

from vm.host import BUILD, ROOT, TREE, image, remove, run, run_in, say

_PYTHON = ("compiler", "runtime", "schemas", "tests")


def tree_image(release: str, root: Path, beside: str = "") -> Path:
    """Built with that release's clang and Python. The copy stays, so that make has little to do next time.

    beside: a directory that git does not have, to be copied too.
    """
    copy = BUILD / f"tree-{release}"
    say(f"building the project in {release}")
    others = [path for path in (ROOT / beside).rglob("*") if path.is_file()] if beside else []
    copy_tree([*files(), *(str(path.relative_to(ROOT)) for path in others)], copy)
    # Everything that make would build inside, where it takes thirty times as long.
    lab = [f"build/lab/{source.name.removesuffix('.c')}.o" for source in (ROOT / "tests/lab").glob("*.bpf.c")]
    log = _fresh(BUILD / f"tree-{release}.log")
    run_in(root, ["make", "-C", TREE, "build", *lab], tree=copy, log=log)
    python = [f"{TREE}/.venv/bin/python", "-m", "compileall", "-q"]
    run_in(root, [*python, *(f"{TREE}/{part}" for part in _PYTHON)], tree=copy, log=log)
    file = BUILD / f"tree-{release}.img"
    remove(file)
    image(copy, file, spare_mib=128)
    return file


def files() -> list[str]:
    """What git has or would take, as it lies here now; relative paths."""
    listed = run(
        ["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-coz", "--exclude-standard"]
    )
    return sorted(name for name in set(listed.split("\0")) - {""} if (ROOT / name).is_file())


def copy_tree(names: list[str], copy: Path) -> None:
    """Bring the copy to the state here: times kept, for make; what was copied once and is gone here goes."""
    copy.mkdir(parents=True, exist_ok=True)
    manifest = copy.with_suffix(".files")
    before = manifest.read_text().split("\n") if manifest.exists() else []
    for name in set(before) - set(names) - {""}:
        remove(copy / name)
    # Written first: a copy cut short leaves no file that is not listed.
    manifest.write_text("\n".join(sorted({*before, *names})))
    for name in names:
        here, there = ROOT / name, copy / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if not there.exists() or _looks(here) != _looks(there):
            shutil.copy2(here, there)
    manifest.write_text("\n".join(names))


def _looks(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_mode


def _fresh(log: Path) -> Path:
    log.unlink(missing_ok=True)
    return log
