"""`vc5ctl status` for a person, of one status."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from vc5d.ctl.pages import status
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
