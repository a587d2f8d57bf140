"""`vc5ctl peers`: the other load balancers, and what this one waits for because of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..terminal import age, printable, table
from .view import Page, View


def lines(view: View) -> list[str]:
    fleet = view.now.get("fleet", {})
    if not fleet.get("on"):
        return [f"alone: {fleet.get('why') or 'nothing is shared'}"]
    rows = [["PEER", "NAME", "DOCUMENT", "IS", "REALS UP", "THERE FOR", "HEARD"]]
    rows += [_row(view, peer) for peer in fleet["peers"]]
    return [*(table(rows) if len(rows) > 1 else ["no peers are there"]), "", *_summary(fleet)]


def _row(view: View, peer: Mapping[str, Any]) -> list[str]:
    document = peer["digest"].removeprefix("sha256:")[:12]
    doing = [word for word in ("learning", "moving") if peer[word]]
    return [
        printable(peer["address"]),
        printable(peer["name"]),
        document if peer["agrees"] else view.paint("yellow", f"{document} (another)"),
        ", ".join(doing) or "-",
        str(peer["alive"]),
        age(peer["since"]),
        f"{peer['heard']:.1f} s ago",
    ]


def _summary(fleet: Mapping[str, Any]) -> list[str]:
    documents = fleet["documents"]
    told = [
        "all have the same document"
        if fleet["agreed"]
        else f"{len(documents)} documents: "
        + ", ".join(
            f"{digest.removeprefix('sha256:')[:12]} on {count}" for digest, count in documents.items()
        )
        + "; transitions last until they agree",
        f"learned: {fleet['learned_why']}"
        if fleet["learned"]
        else f"learning, for {fleet['learning_left']:.0f} s at most",
    ]
    if not fleet["settled"]:
        told.append("transitions end when the peers' have")
    told += [f"held until all have it: {_name(real)}" for real in fleet["held"]]
    told += [f"kept by a peer's word: {_name(real)}" for real in fleet["kept"]]
    return told


def _name(real: Mapping[str, str]) -> str:
    return f"{real['real']} of {real['service']}"


def as_json(view: View) -> Any:
    return view.now.get("fleet", {})


PAGE = Page(lines, as_json)
