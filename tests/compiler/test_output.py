"""Files are replaced whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5c.output import Unwritable, write


def failing() -> Iterator[str]:
    yield "half"
    raise RuntimeError("a defect")


def test_half_a_document_leaves_no_trace(tmp_path: Path) -> None:
    out = tmp_path / "config.json"
    out.write_text("old")
    with pytest.raises(RuntimeError):
        write(failing(), str(out))
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_what_is_no_file_is_written_through() -> None:
    write(["x"], "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_full_disk() -> None:
    with pytest.raises(Unwritable, match="cannot write /dev/full: No space left on device"):
        write(["x"], "/dev/full")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="Is a directory"):
        write(["x"], str(tmp_path))
