"""layout.py is what the object says, in whole and in a few facts known from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from vc5d.errors import Vc5Error
from vc5d.xdp import layout
from vc5d.xdp.generate import main, read_btf, render


def test_not_stale(bpf_object: Path) -> None:
    assert render(read_btf(bpf_object)) == Path(layout.__file__).read_text()


def test_check_says_whether_it_is_stale(
    bpf_object: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bpf_object), "--check"]) == 0
    monkeypatch.setattr("vc5d.xdp.generate.render", lambda _btf: "other")
    assert main([str(bpf_object), "--check"]) == 1
    assert "make generate" in capsys.readouterr().err


def test_no_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.o")]) == 1
    assert "none.o has no BTF" in capsys.readouterr().err
    with pytest.raises(Vc5Error, match="has no BTF"):
        read_btf(Path(__file__))


def test_sizes_are_cache_lines() -> None:
    """What a packet looks up by index is a whole number of cache lines, so that a lookup touches one."""
    for dtype in (layout.SERVICE4, layout.REAL, layout.SLOTS_LINE, layout.CONTROL, layout.GENERATION):
        assert dtype.itemsize % 64 == 0


def test_byte_order_and_nesting() -> None:
    record = np.zeros(1, layout.SERVICE4)
    record["key"]["addr_be"], record["key"]["port_be"], record["key"]["protocol"] = 0xC0A86501, 80, 6
    assert record.tobytes()[:8] == bytes([192, 168, 101, 1, 0, 80, 6, 0])
    record["service"]["id"] = 1
    assert record.tobytes()[24:28] == bytes([1, 0, 0, 0])
    assert layout.CONTROL["generation"].shape == (2,)
    assert layout.REAL["addr"].shape == (16,)


def test_names() -> None:
    assert layout.RealState.ACCEPTING == 1
    assert layout.ServiceFlags.VIP | layout.ServiceFlags.TRACK_FULL == 3
    assert len(layout.Reason) - 1 == layout.Reason.REASONS
    assert layout.SlotBits.SLOT_REAL_MASK == (1 << layout.SlotBits.SLOT_REAL_BITS) - 1
    assert layout.Vc5Layout.VERSION == 4
