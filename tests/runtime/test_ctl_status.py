"""`vc5ctl status` for a person, of one status."""

from __future__ import annotations

from argparse import Namespace
from types import ModuleType
from typing import Any

import pytest
from vc5d.ctl.pages import reals, services, status
from vc5d.ctl.pages.view import View

ONE, OTHER = "192.0.2.1", "192.0.2.2"


def head(vips: dict[str, dict[str, Any]], announced: list[str], *drained: dict[str, str]) -> list[str]:
    """The lines above the services."""
    of_host = {"version": "1", "host": "lb1", "document": "d", "digest": "sha256:0", "generation": 1}
    known = of_host | {"interfaces": {}, "services": {}, "vips": vips, "announced": announced}
    lines = status.PAGE.lines(View(Namespace(watch=None), known | {"drained": list(drained)}))
    return lines[: lines.index("")]


def test_what_is_drained_and_leaves_is_said_on_the_first_page() -> None:
    vips = {ONE: {"leaving": True, "why": "drained: host"}, OTHER: {"leaving": False, "why": ""}}
    said = head(vips, [ONE, OTHER], {"kind": "host"}, {"kind": "real", "real": "10.1.10.10"})
    assert f"announced   {ONE} (leaving), {OTHER}" in said
    assert "DRAINED     this load balancer, real 10.1.10.10; `vc5ctl drains` says how to undo it" in said


def test_a_vip_that_is_withdrawn_is_named_with_the_reason() -> None:
    why = "1 of 2 needed reals of 192.0.2.2:80:tcp accept"
    said = head({ONE: {"leaving": False, "why": ""}, OTHER: {"leaving": False, "why": why}}, [ONE])
    assert said[-2:] == [f"announced   {ONE}", f"NOT         {OTHER}: {why}"]


REAL = {"state": "accepting", "mac": "02:00:00:00:10:10", "vlan": 10, "share": 0.5, "reason": "HTTP 200"}
COUNTS = {"packets": 1234567, "bytes": 12345678901, "flows": 12345, "sessions": 12}
SERVICE = {
    "name": "web",
    "need": 1,
    "reals": {"10.1.10.10": REAL | COUNTS},
    "slots": {"clear": 16381},
} | COUNTS
SEEN = {"version": "1", "document": "/etc/vc5/config.json", "digest": "d", "generation": 1, "announced": []}
ANSWER = SEEN | {"interfaces": {}, "services": {"192.0.2.1:80:tcp": SERVICE}}


@pytest.mark.parametrize("page", [status, reals, services], ids=lambda page: page.__name__)
def test_a_table_fits_a_terminal_of_80_columns_and_says_what_it_leaves_out(page: ModuleType) -> None:
    """As the console of a server that its operator reaches in no other way has."""
    options = Namespace(watch=None, name=None, service=None, state=None)
    narrow = page.PAGE.lines(View(options, ANSWER, room=80))
    assert max(map(len, narrow)) <= 80
    assert narrow[-1].startswith("no room here for ")
    assert all(word in "\n".join(narrow) for word in ("PACKETS", "192.0.2.1:80:tcp"))
    wide = "\n".join(page.PAGE.lines(View(options, ANSWER)))
    assert "BYTES" in wide, "into a file or a pipe all of it goes"
    assert "no room" not in wide
