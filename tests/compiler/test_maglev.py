"""The tables against an independent reading of the paper, and what the paper promises of them."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vc5c import maglev, maglev_library
from vc5c.addresses import Address
from vc5c.resolved import TableSpec

SMALL_PRIMES = [2, 3, 5, 7, 11, 13, 31, 61, 127, 251, 509, 1021]


def reals(count: int):
    return tuple(Address((0x0A000001 + n).to_bytes(4)) for n in range(count))


def reference(size: int, names: list[str], weights: list[int]) -> list[int]:
    """Section 3.4 in its own terms: whole permutations, and turns as exact fractions of the heaviest's."""
    permutations = []
    for name in names:
        digest = hashlib.sha256(name.encode()).digest()
        offset = struct.unpack("<Q", digest[:8])[0] % size
        skip = struct.unpack("<Q", digest[8:16])[0] % (size - 1) + 1
        permutations.append(iter([(offset + j * skip) % size for j in range(size)]))
    entry: dict[int, int] = {}
    turns = [0] * len(names)
    rounds = 0
    while True:
        rounds += 1
        for i, weight in enumerate(weights):
            if turns[i] + 1 > Fraction(rounds * weight, max(weights)):
                continue
            turns[i] += 1
            slot = next(slot for slot in permutations[i] if slot not in entry)
            entry[slot] = i
            if len(entry) == size:
                return [entry[slot] for slot in range(size)]


def slots(spec: TableSpec) -> list[int]:
    return [number for (number,) in struct.iter_unpack("<H", maglev.fill(spec))]


@st.composite
def specs(draw) -> TableSpec:
    count = draw(st.integers(1, 12))
    size = draw(st.sampled_from([p for p in SMALL_PRIMES if p >= count]))
    weights = draw(st.lists(st.integers(1, 20), min_size=count, max_size=count))
    numbers = draw(st.lists(st.integers(0, 2**32 - 1), min_size=count, max_size=count, unique=True))
    return TableSpec(size, tuple(Address(number.to_bytes(4)) for number in sorted(numbers)), tuple(weights))


def hashes(spec: TableSpec) -> bytes:
    return b"".join(hashlib.sha256(str(real).encode()).digest()[:16] for real in spec.reals)


@pytest.fixture
def built():
    library = maglev.library()
    if library is None:
        pytest.skip("compiler/vc5c/libmaglev.so is not built: run `make build`")
    return library


@pytest.fixture
def no_library(monkeypatch, tmp_path):
    monkeypatch.setattr(maglev_library, "LIBRARY", tmp_path / "missing.so")
    maglev.library.cache_clear()
    assert maglev.library() is None
    yield
    maglev.library.cache_clear()


@given(specs())
@settings(max_examples=150, deadline=None)
def test_equals_the_paper(spec: TableSpec) -> None:
    expected = reference(spec.size, [str(real) for real in spec.reals], list(spec.weights))
    assert slots(spec) == expected
    assert list(maglev.fill_in_python(spec, hashes(spec))) == expected


@given(specs())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_library_equals_python(built, spec: TableSpec) -> None:
    assert built.fill(spec.size, hashes(spec), spec.weights) == maglev.fill_in_python(spec, hashes(spec))


@pytest.mark.parametrize(
    ("size", "weights"),
    [
        (2, (1,)),
        (2, (1000, 1)),
        (3, (1, 1, 1)),
        (16381, tuple(1 + n % 3 for n in range(100))),
        (16381, (1000, *(1,) * 99)),
        (65537, tuple(1 + n * 7919 % 1000 for n in range(200))),
        (16381, (1,) * 16381),  # a slot each
        (1048573, (1, 2, 3)),  # the largest that the schema allows
    ],
    ids=str,
)
def test_library_equals_python_at_awkward_sizes(built, size: int, weights: tuple[int, ...]) -> None:
    spec = TableSpec(size, reals(len(weights)), weights)
    assert built.fill(size, hashes(spec), weights) == maglev.fill_in_python(spec, hashes(spec))


def test_a_slot_each(built) -> None:
    assert sorted(slots(TableSpec(251, reals(251), (1,) * 251))) == list(range(251))


@given(st.binary(max_size=100))
def test_base64(data: bytes) -> None:
    assert maglev.encode(data) == base64.b64encode(data)


def test_without_the_library(no_library) -> None:
    spec = TableSpec(251, reals(3), (1, 2, 3))
    assert slots(spec) == reference(251, [str(real) for real in spec.reals], [1, 2, 3])
    assert maglev.encode(b"\xff\x00") == b"/wA="
    assert maglev.fits(spec, maglev.fill(spec))
    assert not maglev.fits(spec, b"\3\0" * 251)


def test_a_library_of_another_version_is_left_alone(built, monkeypatch) -> None:
    monkeypatch.setattr(maglev_library, "LIBRARY_VERSION", 1)
    maglev.library.cache_clear()
    try:
        assert maglev.library() is None
    finally:
        monkeypatch.undo()
        maglev.library.cache_clear()


def test_fits(built) -> None:
    spec = TableSpec(251, reals(3), (1, 2, 3))
    good = maglev.fill(spec)
    assert maglev.fits(spec, good)
    assert not maglev.fits(spec, good[:-2])
    assert not maglev.fits(spec, good[:-2] + b"\3\0")


@pytest.mark.parametrize(
    ("count", "size"),
    [(1, 16381), (163, 16381), (164, 65537), (655, 65537), (656, 655373), (6553, 655373), (6554, 655373)],
)
def test_ladder(count: int, size: int) -> None:
    assert maglev.ladder_size(count) == size


def test_most_reals_still_have_a_hundred_slots_each() -> None:
    assert maglev.ladder_size(maglev.MAX_REALS) >= 100 * maglev.MAX_REALS


def test_shares_follow_weights() -> None:
    """Within 1 % of the size, whatever the weights: each real's turns are evenly spaced."""
    weights = (1, 2, 3, 10)
    spec = TableSpec(16381, reals(4), weights)
    counts = Counter(slots(spec))
    for index, weight in enumerate(weights):
        assert abs(counts[index] - spec.size * weight / sum(weights)) < spec.size / 100


def test_equal_weights_differ_by_one_slot() -> None:
    counts = Counter(slots(TableSpec(16381, reals(100), (1,) * 100)))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_one_real_less_moves_few_others() -> None:
    """Innocent slots moved when one of 100 reals goes: a little, not none (the paper, section 5.3)."""
    before = TableSpec(65537, reals(100), (1,) * 100)
    after = TableSpec(65537, before.reals[:40] + before.reals[41:], (1,) * 99)
    pairs = zip(slots(before), slots(after), strict=True)
    moved = sum(a != 40 and before.reals[a] != after.reals[b] for a, b in pairs)
    assert 0 < moved / 65537 < 0.015
