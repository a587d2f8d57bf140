"""Announced VIPs, from conditions."""

from __future__ import annotations

from support.documents import Spec, document
from vc5d.document import ServiceKey
from vc5d.health.state import Condition
from vc5d.health.verdict import vip_faults

HTTP, HTTPS = "192.0.2.1:80:tcp", "192.0.2.1:443:tcp"
OTHER = "192.0.2.2:80:tcp"
A, B = "10.0.0.1", "10.0.0.2"


def vips(conditions: dict[tuple[str, str], bool | None], announced: str = "", disabled: str = "") -> str:
    """The announced VIPs' last digits; conditions not given are up."""
    made = document(Spec({HTTP: {A: 1, B: 1}, HTTPS: {A: 1, B: 1}, OTHER: {A: 1}}, disabled={disabled}))

    def condition(key: ServiceKey, address: str) -> Condition:
        return Condition(conditions.get((str(key), address), True))

    before = frozenset(f"192.0.2.{each}" for each in announced)
    return "".join(sorted(vip[-1] for vip in set(made.vips) - vip_faults(made, condition, before).keys()))


def test_all_is_well() -> None:
    assert vips({}) == "12"


def test_one_real_of_two_is_enough() -> None:
    assert vips({(HTTP, A): False}) == "12"


def test_every_service_of_the_vip_needs_its_reals() -> None:
    assert vips({(HTTPS, A): False, (HTTPS, B): False}, announced="12") == "2"


def test_disabled_reals_do_not_count() -> None:
    assert vips({(HTTP, B): False}, announced="12", disabled=A) == ""


def test_a_vip_is_not_announced_before_every_real_has_been_checked() -> None:
    assert vips({(HTTP, B): None}) == "2"


def test_an_announced_vip_stays_while_a_new_real_is_unknown() -> None:
    assert vips({(HTTP, B): None}, announced="1") == "12"
    assert vips({(HTTP, A): False, (HTTP, B): None}, announced="1") == "12"


def test_a_new_service_or_new_checks_do_not_withdraw_an_announced_vip() -> None:
    unknown: dict[tuple[str, str], bool | None] = {(HTTPS, A): None, (HTTPS, B): None}
    assert vips(unknown, announced="12") == "12"
    assert vips(unknown, announced="12", disabled=A) == "1", "the only real of 2 is disabled"
    assert vips(unknown | {(HTTPS, A): False, (HTTPS, B): False}, announced="12") == "2"
    assert vips(unknown, announced="2") == "2"
