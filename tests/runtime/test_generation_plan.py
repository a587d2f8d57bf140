"""Plans: what is kept, what is written, what does not fit. And what the maps are made for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.checking import check_maps
from support.documents import Spec, document
from vc5d.dataplane import Dataplane
from vc5d.document import Document, ServiceKey
from vc5d.errors import Vc5Error
from vc5d.generation.capacity import block_capacity, choose_capacity
from vc5d.generation.plan import Outgrown, Plan, link_word, make_plan
from vc5d.generation.state import First
from vc5d.xdp.layout import RealState
from vc5d.xdp.maps import Capacity, Maps

CAPACITY = Capacity(64, 64, 8, 64, 128, 8, 32, 1024, 1024)
HTTP, HTTPS = "192.168.101.1:80:tcp", "192.168.101.1:443:tcp"
KEY, TLS = ServiceKey("192.168.101.1", 80, "tcp"), ServiceKey("192.168.101.1", 443, "tcp")
REALS = {f"10.1.10.{n}": 1 for n in range(1, 7)}
SIX, SIX_REALS = "2001:db8::1:80:tcp", {f"2001:db8:1::{n}": 1 for n in range(1, 7)}
MORE = {f"10.1.10.{n}": 1 for n in range(1, 20)}


def plane(*specs: Spec) -> Dataplane:
    made = Dataplane(Maps.in_memory(CAPACITY), clock=lambda: 10**9, scan_ns=0)
    for spec in specs:
        made.apply(document(spec))
    return made


def plan(on: Dataplane, spec: Spec) -> Plan:
    return make_plan(on.state, document(spec), on.maps.capacity, on.maps.slots)


def test_services_with_equal_tables_share_lines() -> None:
    first = plan(plane(), Spec({HTTP: REALS, HTTPS: REALS}))
    assert len(first.tables) == 1
    assert first.after.services[KEY].lines is first.after.services[TLS].lines


def test_an_unchanged_table_keeps_its_lines_and_a_service_its_id_and_block() -> None:
    on = plane(Spec({HTTP: REALS}))
    before = on.state.services[KEY]
    next_plan = plan(on, Spec({HTTP: REALS, HTTPS: MORE}))
    after = next_plan.after.services[KEY]
    assert (after.id, after.block, after.lines) == (before.id, before.block, before.lines)
    assert (next_plan.tables_kept, len(next_plan.tables)) == (1, 1)
    assert next_plan.after.services[TLS].id != before.id


def test_disabling_a_real_writes_no_table() -> None:
    on = plane(Spec({HTTP: REALS}))
    assert plan(on, Spec({HTTP: REALS}, disabled={"10.1.10.1"})).tables == []


def test_services_that_change_alike_share_their_transition() -> None:
    on = plane(Spec({HTTP: REALS, HTTPS: REALS}))
    fewer = dict(list(REALS.items())[1:])
    both = plan(on, Spec({HTTP: fewer, HTTPS: fewer}))
    assert len(both.tables) == 1
    one = plan(on, Spec({HTTP: fewer, HTTPS: REALS}))
    assert one.after.services[KEY].lines is not one.after.services[TLS].lines
    first = one.after.services[KEY].first
    assert first is not None
    assert first.lines is one.after.services[TLS].lines


def test_shared_again_when_all_is_clear() -> None:
    """Two services come to the same table by different ways."""
    on = plane(Spec({HTTP: REALS, HTTPS: dict(list(REALS.items())[:4])}), Spec({HTTP: REALS, HTTPS: REALS}))
    assert on.state.services[KEY].lines is not on.state.services[TLS].lines
    for seconds in (100, 101):
        on.tick(seconds * 10**9)
    same = plan(on, Spec({HTTP: REALS, HTTPS: REALS}, disabled={"10.1.10.1"}))
    assert same.after.services[KEY].lines is same.after.services[TLS].lines


def test_equal_tables_over_other_indexes_are_not_shared() -> None:
    """Slots hold indexes in the service's own block, and these come from its history."""
    spec = Spec({HTTP: REALS, HTTPS: dict(list(REALS.items())[3:])})
    on = plane(spec, Spec({HTTP: REALS, HTTPS: REALS}))
    for seconds in (100, 101):
        on.tick(seconds * 10**9)
    same = document(Spec({HTTP: REALS, HTTPS: REALS}, disabled={"10.1.10.1"}))
    on.apply(same)
    assert on.state.services[KEY].lines is not on.state.services[TLS].lines
    check_maps(on.maps, same)


def test_changes_from_different_tables_are_not_shared() -> None:
    """The new table is the same, but other slots of it are in transition."""
    fewer = dict(list(REALS.items())[:3])
    on = plane(Spec({HTTP: REALS, HTTPS: dict(list(REALS.items())[:4])}))
    after = plan(on, Spec({HTTP: fewer, HTTPS: fewer})).after
    assert after.services[KEY].lines is not after.services[TLS].lines


def test_a_block_is_outgrown() -> None:
    on = plane(Spec({HTTP: REALS}))
    bigger = plan(on, Spec({HTTP: MORE}))
    (move,) = bigger.moves
    assert move.before == on.state.services[KEY].block
    assert (move.after.capacity, move.after.base % 32) == (32, 0)
    assert bigger.retired == [move.before]
    known, after = on.state.services[KEY].reals, bigger.after.services[KEY].reals
    assert {a: after[a].index for a in known} == {a: real.index for a, real in known.items()}


def test_a_plan_changes_nothing() -> None:
    on = plane(Spec({HTTP: REALS}))
    names = (
        "control",
        "displacements",
        "services4",
        "services6",
        "slots",
        "reals",
        "service_states",
        "accepting",
    )
    before = {name: getattr(on.maps, name).copy() for name in names}
    state = dataclasses.replace(on.state, services=dict(on.state.services))
    plan(on, Spec({HTTP: MORE, HTTPS: REALS}, seed=3))
    assert all(np.array_equal(before[name], getattr(on.maps, name)) for name in names)
    assert on.state == state


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (Spec({HTTP: REALS}, size=2053), "slots"),
        (Spec({HTTP: {f"10.1.{n}.1": 1 for n in range(200)}}), "reals"),
        (Spec({f"192.168.101.{n}:80:tcp": {"10.1.10.1": 1} for n in range(9)}), "service_states"),
        (Spec({f"192.168.101.{n}:80:tcp": {"10.1.10.1": 1} for n in range(40)}), "services4"),
        (Spec({f"2001:db8::{n}:80:tcp": {"2001:db8:1::1": 1} for n in range(1, 41)}), "services6"),
    ],
)
def test_a_map_is_too_small(spec: Spec, name: str) -> None:
    on = plane(Spec({HTTP: REALS}))
    with pytest.raises(Outgrown, match=f"the map {name} is too small for the document"):
        plan(on, spec)


@pytest.mark.parametrize(("service", "real"), [(HTTP, "2001:db8::10"), (SIX, "10.1.10.1")])
def test_reals_of_the_other_family_are_refused(service: str, real: str) -> None:
    with pytest.raises(Vc5Error, match=f"{real} of the service {service} is of the other address family"):
        plan(plane(), Spec({service: {real: 1}}))


def test_too_many_blocked_prefixes_are_refused_before_anything_is_done() -> None:
    prefixes = [f"{n >> 16}.{n >> 8 & 255}.{n & 255}.0/25" for n in range((1 << 16) + 1)]
    with pytest.raises(Vc5Error, match="65537 IPv4 source prefixes are to be blocked"):
        plan(plane(), Spec({HTTP: REALS}, extra={"block": {"5": prefixes}}))


def test_a_change_of_stickiness_puts_every_slot_into_transition() -> None:
    """Its flows are hashed otherwise, with the same table; a service that shared its lines goes on with
    them."""
    on = plane(Spec({HTTP: REALS, HTTPS: REALS}))
    sticky = plan(on, Spec({HTTP: REALS, HTTPS: REALS}, sticky={HTTP}))
    (write,) = sticky.tables
    before, after = on.state.services[KEY], sticky.after.services[KEY]
    assert write.all_slots
    assert after.first == First(before.lines, 0, sticky=False)
    assert sticky.after.services[TLS].lines is before.lines
    on.apply(document(Spec({HTTP: REALS, HTTPS: REALS}, sticky={HTTP})))
    back = plan(on, Spec({HTTP: REALS, HTTPS: REALS})).after.services[KEY]
    assert back.first == after.first, "the transition's beginning stays"


def test_a_sticky_and_a_plain_service_that_change_alike_do_not_share() -> None:
    """One of them has all its slots in transition."""
    on = plane(Spec({HTTP: REALS, HTTPS: REALS}))
    fewer = dict(list(REALS.items())[1:])
    after = plan(on, Spec({HTTP: fewer, HTTPS: fewer}, sticky={HTTP})).after
    assert after.services[KEY].lines is not after.services[TLS].lines


def test_both_families_share_the_displacements() -> None:
    """Each has room for itself, but not for both."""
    on = Dataplane(Maps.in_memory(Capacity(64, 64, 1, 64, 128, 8, 32, 1024, 1024)), clock=lambda: 10**9)
    on.apply(document(Spec({HTTP: REALS})))
    on.apply(document(Spec({SIX: SIX_REALS})))
    with pytest.raises(Outgrown, match="the map displacements is too small"):
        plan(on, Spec({HTTP: REALS, SIX: SIX_REALS}))


@pytest.mark.parametrize(("reals", "capacity"), [(1, 8), (5, 8), (6, 16), (100, 256), (16384, 16384)])
def test_blocks_have_half_as_much_room_again(reals: int, capacity: int) -> None:
    assert block_capacity(reals) == capacity


def test_too_many_reals_for_a_slot() -> None:
    with pytest.raises(Vc5Error, match="16384 are the most"):
        block_capacity(16385)


def fits(made: Document) -> Capacity:
    capacity = choose_capacity(made)
    on = Dataplane(Maps.in_memory(capacity), clock=lambda: 10**9)
    on.apply(made)
    return capacity


def test_the_first_document_fits_with_as_much_again() -> None:
    small = fits(document(Spec({HTTP: REALS})))
    assert small.slots_lines == 1 << 16
    many = {f"192.168.{n // 250}.{n % 250}:80:tcp": {f"10.1.{n % 256}.{n % 7}": 1} for n in range(800)}
    spec = Spec(many, size=61)
    capacity = fits(document(spec))
    assert capacity.services == 1600
    assert capacity.reals // 8 * 2 == capacity.accepting_lines


def test_link_words() -> None:
    assert link_word(None, 10) == 0
    assert link_word("52:54:00:12:34:56", 10).to_bytes(8, "little") == bytes.fromhex("525400123456000a")


def test_new_reals_are_down_and_known_links_are_used() -> None:
    on = plane(Spec({HTTP: REALS}, macs={"10.1.10.1": "02:00:00:00:00:01"}))
    on.set_link("10.1.10.2", "02:00:00:00:00:02", 0)
    on.apply(document(Spec({HTTP: REALS, HTTPS: REALS}, macs={"10.1.10.1": "02:00:00:00:00:09"})))
    for key in (HTTP, HTTPS):
        reals = on.snapshot().services[key].reals
        assert (reals["10.1.10.1"].mac, reals["10.1.10.2"].mac) == ("02:00:00:00:00:09", "02:00:00:00:00:02")
        assert {real.state for real in reals.values()} == {RealState.DOWN.name.lower()}
