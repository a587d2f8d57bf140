"""The host's own MACs in the maps: what a packet would find at any time while they change."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from vc5d.document import Blocked
from vc5d.generation import own
from vc5d.generation.blocking import set_blocked
from vc5d.generation.own import set_own, unset_own
from vc5d.xdp.layout import OwnMacs
from vc5d.xdp.maps import Capacity, Maps

CAPACITY = Capacity(64, 64, 8, 128, 256, 16, 64, 1024, 1024)
OWN, BY_INTERFACE, MANY = 4, 8, 16  # enum switches, said again
Pairs = set[tuple[int, str]]


def mac(number: int) -> str:
    return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def is_ours(maps: Maps, interface: int, address: str) -> bool:
    """As the program asks."""
    words, switches = maps.control["own"][0].tolist(), int(maps.control["switches"][0])
    word = int.from_bytes(bytes.fromhex(address.replace(":", "")), "little") << 16
    if words[0] == word or not switches & OWN:
        return True
    if switches & BY_INTERFACE:
        word |= interface & 0xFFFF
    return word in (words if switches & MANY else words[:4])


@pytest.fixture
def maps() -> Maps:
    return Maps.in_memory(CAPACITY)


def test_any_frame_at_first(maps: Maps) -> None:
    assert is_ours(maps, 1, mac(1))


def test_one_mac(maps: Maps) -> None:
    assert set_own(maps, {(1, mac(1))})
    assert is_ours(maps, 1, mac(1))
    assert is_ours(maps, 2, mac(1))
    assert not is_ours(maps, 1, mac(2))
    assert not is_ours(maps, 1, "00:00:00:00:00:00")
    unset_own(maps)
    assert is_ours(maps, 1, mac(2))


def test_interfaces_with_the_same_macs_are_one(maps: Maps) -> None:
    """As a bond's ports: the program asks for no interface."""
    assert set_own(maps, {(port, mac(n)) for port in (1, 2) for n in (1, 2)})
    assert int(maps.control["switches"][0]) == OWN
    assert is_ours(maps, 3, mac(1))
    assert is_ours(maps, 1, mac(2))
    assert not is_ours(maps, 1, mac(3))


def test_interfaces_with_macs_of_their_own(maps: Maps) -> None:
    assert set_own(maps, {(1, mac(1)), (70000, mac(2))})
    assert is_ours(maps, 1, mac(1))
    assert is_ours(maps, 70000, mac(2))
    assert not is_ours(maps, 1, mac(2))
    assert not is_ours(maps, 70000, mac(1))


@pytest.mark.parametrize("count", [1, 2, 4, 5, 67, 68])
def test_as_many_as_there_is_room_for(maps: Maps, count: int) -> None:
    assert set_own(maps, {(1, mac(n)) for n in range(count)})
    assert all(is_ours(maps, 1, mac(n)) for n in range(count))
    assert not is_ours(maps, 1, mac(count))


def test_too_many_to_tell_interfaces_apart(maps: Maps) -> None:
    pairs = {(port, mac(n)) for port in (1, 2) for n in range(60)} - {(2, mac(0))}
    assert set_own(maps, pairs)
    assert is_ours(maps, 2, mac(0))
    assert not is_ours(maps, 2, mac(61))


def test_too_many(maps: Maps) -> None:
    set_own(maps, {(1, mac(1))})
    assert not set_own(maps, {(1, mac(n)) for n in range(OwnMacs.MACS + 1)})
    assert is_ours(maps, 1, mac(99))


def test_none_are_any(maps: Maps) -> None:
    set_own(maps, {(1, mac(1))})
    assert set_own(maps, ())
    assert is_ours(maps, 1, mac(9))


def test_blocking_does_not_touch_it(maps: Maps) -> None:
    set_own(maps, {(1, mac(1))})
    set_blocked(maps, Blocked())
    assert not is_ours(maps, 1, mac(2))


class Watched:
    """`control` of maps, whose every store of a word or switch is followed by a look."""

    def __init__(self, array: Any, look: Any) -> None:
        self._array, self._look = array, look

    def __getitem__(self, key: Any) -> Any:
        found = self._array[key]
        return Watched(found, self._look) if hasattr(found, "shape") and found.shape else found

    def __setitem__(self, key: Any, value: Any) -> None:
        self._array[key] = value
        self._look()

    def tolist(self) -> Any:
        return self._array.tolist()


def histories() -> Iterator[list[Pairs]]:
    for seed in range(60):
        r = random.Random(seed)
        steps = []
        for _ in range(12):
            ports, most = r.choice(((1,), (1, 2), (1, 2, 3))), r.choice((1, 2, 4, 6, 20))
            step = {(port, mac(r.randrange(24))) for port in ports for _ in range(r.randint(1, most))}
            if r.getrandbits(1):  # the same MACs on each
                step = {(port, address) for port in ports for _, address in step}
            steps.append(step)
        yield steps


def test_what_stays_is_ours_at_any_time(maps: Maps) -> None:
    """After each single store: what was the host's before and after. Once done: nothing else."""
    control, before, after = maps.control, Pairs(), Pairs()

    def look() -> None:
        assert all(is_ours(maps, *pair) for pair in before & after)

    class Looking:
        def __getattr__(self, name: str) -> Any:
            return Watched(control, look) if name == "control" else getattr(maps, name)

    for steps in histories():
        for after in steps:
            assert own.set_own(Looking(), after)  # type: ignore[arg-type]
            assert all(is_ours(maps, *pair) for pair in after)
            strangers = [address for n in range(30) if (address := mac(n)) not in {each for _, each in after}]
            assert not any(is_ours(maps, 1, address) for address in strangers)
            before = after
