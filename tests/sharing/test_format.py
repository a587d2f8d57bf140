"""The format: what is signed comes back as it was; what is changed, by a bit or at its end, is refused."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vc5d.errors import Vc5Error
from vc5d.sharing import format
from vc5d.sharing.keys import Key, Keyring, Secrets
from vc5d.sharing.parts import MOST_BYTES, Assembly, split
from vc5d.sharing.records import KINDS, Flows, Kind, decoded, joined
from vc5d.xdp.layout import ShareDrop

SECRET, OTHER = "a" * 40, "b" * 40
KEYS = Keyring(Key.of(SECRET))
U64 = st.integers(0, 2**64 - 1)
STAMPS = st.builds(format.Stamp, U64, U64, U64)


def flows_of(kind: Kind, count: int, seed: int = 0) -> Flows:
    random = np.random.default_rng(seed)
    keys = random.integers(0, 256, (count, kind.size - 8), np.uint8)
    return Flows(
        kind,
        keys,
        random.integers(0, 2**32, count, np.uint32),
        random.integers(10**12, 2 * 10**12, count, np.uint64),
    )


def payloads() -> st.SearchStrategy[tuple[int, bytes]]:
    flows = st.builds(
        lambda kind, count, seed: (kind.number, flows_of(kind, count, seed).encoded(2 * 10**12).tobytes()),
        st.sampled_from(list(KINDS.values())),
        st.integers(1, 30),
        st.integers(0, 99),
    )
    entries = st.lists(st.tuples(U64, U64), max_size=format.MOST_ENTRIES)
    greetings = entries.map(lambda heard: (format.GREETING, format.greeting(heard)))
    messages = st.binary(max_size=200).map(lambda body: (format.MESSAGE, split(1, body, 300)[0]))
    return flows | greetings | messages


def judged(datagram: bytes, keys: Keyring = KEYS) -> format.Header | ShareDrop:
    header = format.header_of(datagram, keys)
    if isinstance(header, ShareDrop):
        return header
    return header if format.is_signed(datagram, header, keys) else ShareDrop.MAC


@settings(deadline=None)
@given(STAMPS, payloads())
def test_what_is_signed_comes_back(stamp: format.Stamp, said: tuple[int, bytes]) -> None:
    datagram = format.sign(KEYS, stamp, *said)
    header = judged(datagram)
    assert isinstance(header, format.Header)
    assert (header.node, header.sequence, header.sent_ms) == tuple(stamp)
    assert (header.kind, format.payload_of(datagram)) == said


@settings(deadline=None)
@given(payloads())
def test_every_bit_flipped_is_refused(said: tuple[int, bytes]) -> None:
    datagram = format.sign(KEYS, format.Stamp(1, 2, 3), *said)
    for bit in range(0, len(datagram) * 8, 1 if len(datagram) < 200 else 7):
        changed = bytearray(datagram)
        changed[bit // 8] ^= 1 << bit % 8
        assert isinstance(judged(bytes(changed)), ShareDrop), f"bit {bit}"


def test_each_bit_has_its_reason() -> None:
    datagram = format.sign(KEYS, format.Stamp(1, 2, 3), format.MESSAGE, split(1, b"x", 300)[0])
    reasons = {}
    for at in range(len(datagram)):
        changed = bytearray(datagram)
        changed[at] ^= 0x80
        reasons[at] = judged(bytes(changed))
    assert {reasons[at] for at in range(4)} == {ShareDrop.STRANGER}
    assert reasons[4] == ShareDrop.VERSION
    assert reasons[5] == ShareDrop.KIND
    assert reasons[6] == ShareDrop.KEY
    assert {reasons[at] for at in range(8, len(datagram))} == {ShareDrop.MAC}


@settings(deadline=None)
@given(payloads(), st.data())
def test_truncated_or_longer_is_refused(said: tuple[int, bytes], data: st.DataObject) -> None:
    datagram = format.sign(KEYS, format.Stamp(1, 2, 3), *said)
    end = data.draw(st.integers(0, len(datagram) - 1))
    assert isinstance(judged(datagram[:end]), ShareDrop)
    assert isinstance(judged(datagram + data.draw(st.binary(min_size=1, max_size=50))), ShareDrop)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    assert isinstance(judged(rubbish), ShareDrop)
    assert isinstance(judged(b"VC5s\x01" + rubbish), ShareDrop)


def test_a_future_version_is_told_apart() -> None:
    datagram = bytearray(format.sign(KEYS, format.Stamp(1, 2, 3), format.GREETING, b""))
    datagram[4] = 2
    assert judged(bytes(datagram)) == ShareDrop.VERSION


def test_both_keys_are_believed_while_the_secret_is_changed() -> None:
    """As docs/sharing.md says: everywhere as `fleet_next` first, then as `fleet`, then alone."""
    old, new = Key.of(SECRET), Key.of(OTHER)
    steps = [Keyring(old), Keyring(old, new), Keyring(new, old), Keyring(new)]
    for before, after in pairwise(steps):
        for sender, receiver in ((before, after), (after, before)):
            assert isinstance(
                judged(format.sign(sender, format.Stamp(1, 2, 3), 1, b""), receiver), format.Header
            )
    assert judged(format.sign(steps[0], format.Stamp(1, 2, 3), 1, b""), steps[3]) == ShareDrop.KEY


def test_two_keys_of_one_id_are_told_apart_by_their_macs() -> None:
    one, other = Key.of(SECRET), Key(Key.of(SECRET).id, b"x" * 32, b"y" * 32)
    both = Keyring(other, one)
    assert isinstance(judged(format.sign(KEYS, format.Stamp(1, 2, 3), 1, b""), both), format.Header)
    assert judged(format.sign(both, format.Stamp(1, 2, 3), 1, b"")) == ShareDrop.MAC


@settings(deadline=None)
@given(st.sampled_from(list(KINDS.values())), st.integers(0, 50), st.integers(0, 99))
def test_flows_come_back_by_their_age(kind: Kind, count: int, seed: int) -> None:
    """To the millisecond, whatever the other's clock says."""
    flows = flows_of(kind, count, seed)
    there = decoded(kind, flows.encoded(2 * 10**12).tobytes(), 5 * 10**12)
    assert (there.keys == flows.keys).all()
    assert (there.real_ids == flows.real_ids).all()
    shift = there.last_ns.astype(np.int64) - flows.last_ns.astype(np.int64) - 3 * 10**12
    assert (abs(shift) <= 10**6).all()
    assert len(joined([there, there])) == 2 * count


def test_an_age_beyond_the_clocks_beginning_is_its_beginning() -> None:
    kind = KINDS[16]
    flows = Flows(kind, np.zeros((1, 12), np.uint8), np.ones(1, np.uint32), np.ones(1, np.uint64))
    assert decoded(kind, flows.encoded(10**15).tobytes(), 10**9).last_ns.tolist() == [1]


@settings(deadline=None)
@given(st.binary(max_size=5000), st.integers(20, 1400), st.randoms())
def test_messages_are_put_together_in_any_order(body: bytes, room: int, random) -> None:
    parts = split(7, body, room)
    assert all(len(part) <= room for part in parts)
    random.shuffle(parts)
    assembly = Assembly()
    found = [whole for part in [*parts, *parts] if (whole := assembly.add(part)) is not None]
    assert found == [body]


def test_an_older_message_is_no_longer_waited_for_and_a_huge_one_not_kept() -> None:
    assembly = Assembly()
    assert assembly.add(split(2, b"x" * 200, 100)[0]) is None
    assert assembly.add(split(3, b"new", 100)[0]) == b"new"
    assert assembly.add(split(2, b"x" * 200, 100)[1]) is None
    for part in split(4, b"x" * (MOST_BYTES + 5000), 1000):
        assert assembly.add(part) is None
    assert not assembly._parts


def test_the_derivation_is_the_documented_one() -> None:
    """From docs/sharing.md alone."""
    from hashlib import blake2b

    whole = blake2b(SECRET.encode(), digest_size=32, person=b"vc5 fleet").digest()
    key = blake2b(b"vc5 datagram", key=whole, digest_size=32).digest()
    datagram = format.sign(KEYS, format.Stamp(0x0102030405060708, 9, 10), format.GREETING, b"")
    assert datagram[-16:] == blake2b(datagram[:-16], key=key, digest_size=16).digest()
    assert datagram[:32].hex() == (
        "56433573" "01" "01" + blake2b(b"vc5 key id", key=whole, digest_size=2).hexdigest()
        + "0102030405060708" "0000000000000009" "000000000000000a"
    )  # fmt: skip
    assert Key.of(SECRET).transfer == blake2b(b"vc5 transfer", key=whole, digest_size=32).digest()


@pytest.mark.parametrize("content", ["", "short", "x" * 31, "two\nlines" * 9, "\x00" * 40])
def test_what_is_no_secret_is_refused_and_never_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "fleet"
    path.write_text(content)
    with pytest.raises(Vc5Error) as refused:
        Secrets(path).read()
    assert str(path) in str(refused.value)
    assert not content.strip() or content.strip() not in str(refused.value)


def test_secrets_are_not_in_any_repr(tmp_path: Path) -> None:
    shown = repr(KEYS) + repr(Keyring(Key.of(OTHER), Key.of(SECRET)))
    for key in (Key.of(SECRET), Key.of(OTHER)):
        assert not re.search(f"{SECRET}|{OTHER}|{key.datagram.hex()}|{key.transfer.hex()}", shown)
        assert repr(key.datagram) not in shown


def test_the_credentials_directory_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(Vc5Error, match="no secret of the fleet"):
        Secrets().read()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "fleet").write_text(SECRET + "\n")
    assert Secrets().read() == (SECRET, None)
    (tmp_path / "fleet_next").write_text(OTHER + "\n")
    assert Secrets().read() == (SECRET, OTHER)
