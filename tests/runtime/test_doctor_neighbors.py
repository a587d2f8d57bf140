"""The doctor on the kernel's neighbor table, which is one for the machine and cannot be filled in a test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from support.documents import Spec, document
from vc5d.ctl.doctor.finding import Finding
from vc5d.ctl.doctor.gather import Host
from vc5d.ctl.doctor.neighbors import judge

REALS = {f"10.1.{number >> 8}.{number & 255}": 1 for number in range(1, 1001)}
DOCUMENT = document(Spec({"192.0.2.1:80:tcp": REALS, "2001:db8::1:80:tcp": {"fd00::1": 1}}, size=2003))


def findings(files: Path, size4: str, size6: str) -> list[Finding]:
    for family, size in (("ipv4", size4), ("ipv6", size6)):
        path = files / f"proc/sys/net/{family}/neigh/default/gc_thresh3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(size)
    host = SimpleNamespace(
        document=DOCUMENT, text=lambda name: (files / name.lstrip("/")).read_text().strip()
    )
    return list(judge(cast(Host, host)))


@pytest.mark.parametrize(("size", "level"), [("1024\n", "fail"), ("1249\n", "fail"), ("1250\n", "ok")])
def test_room_for_every_real_and_a_quarter_more(tmp_path: Path, size: str, level: str) -> None:
    ipv4, ipv6 = findings(tmp_path, size, "1024\n")
    assert (ipv4.level, ipv6.level) == (level, "ok")
    if level == "fail":
        assert ipv4.fix.startswith("sysctl -w net.ipv4.neigh.default.gc_thresh1=1250 ")
        assert "net.ipv4.neigh.default.gc_thresh3=3750 " in ipv4.fix


def test_nothing_is_said_where_nothing_is_seen(tmp_path: Path) -> None:
    assert findings(tmp_path, "", "") == []
