"""Packages for the upgrades: what `make bundle` made, as another release, good or not."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from lab.host import run
from lab.plan import BUILD

_BROKEN = """

async def _broken(self):
    raise SystemExit("{words}")


Daemon.run = _broken
"""
BUNDLE = BUILD / "bundle" / "vc5.tar.gz"


def another(directory: Path, words: str) -> Path:
    """As good as the one that is installed, with another changelog."""
    return _edited(directory, words, lambda path: _append(path / "CHANGELOG.md", words))


def broken(directory: Path, words: str) -> Path:
    """It installs, its commands answer and its vc5d accepts the document: but as a daemon it ends at once."""

    def edit(path: Path) -> None:
        wheel = next(path.rglob("vc5-*.whl"))
        _in_wheel(wheel, "vc5d/daemon.py", _BROKEN.format(words=words))

    return _edited(directory, words, edit)


def _edited(directory: Path, words: str, edit: Callable[[Path], None]) -> Path:
    tree, made = directory / words.replace(" ", "-"), directory / f"{words.replace(' ', '-')}.tar.gz"
    tree.mkdir(parents=True)
    run(["tar", "--extract", "--file", BUNDLE, "--directory", tree])
    edit(tree)
    run(["tar", "--create", "--use-compress-program=gzip -1", "--file", made, "--directory", tree, "."])
    shutil.rmtree(tree)
    return made


def _append(file: Path, words: str) -> None:
    found = next(file.parent.rglob(file.name))
    found.write_text(f"{found.read_text()}\n{words}\n")


def _in_wheel(wheel: Path, name: str, more: str) -> None:
    edited = wheel.with_suffix(".new")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(edited, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.infolist():
            content = old.read(each)
            new.writestr(each, content + more.encode() if each.filename == name else content)
    edited.rename(wheel)
