"""Who is believed: proof, replays, windows, clocks. The attacker here has recorded everything, and sends
what it likes, when it likes; it cannot sign."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from vc5d.sharing import format
from vc5d.sharing.incoming import Incoming
from vc5d.sharing.keys import Key, Keyring
from vc5d.sharing.nodes import MOST_NODES, WINDOW, Nodes, Window
from vc5d.sharing.parts import split
from vc5d.xdp.layout import ShareDrop

KEYS = Keyring(Key.of("k" * 40))
S = 10**9


@dataclass
class End:
    """A load balancer's process without sockets. Its clock is `clock_ns` ahead of the world's."""

    number: int
    clock_ns: int = 0
    sequence: int = 0
    said: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = Nodes(self.number)
        self.incoming = Incoming(KEYS, self.nodes, lambda *said: self.said.append(said[2]), lambda: None)

    def sign(self, now: int, kind: int, payload: bytes) -> bytes:
        self.sequence += 1
        stamp = format.Stamp(self.number, self.sequence, (now + self.clock_ns) // 10**6)
        return format.sign(KEYS, stamp, kind, payload)

    def greet(self, now: int) -> bytes:
        now_ms = (now + self.clock_ns) // 10**6
        datagram = self.sign(now, format.GREETING, format.greeting(self.nodes.heard(now_ms)))
        self.nodes.sent(self.sequence, now_ms)
        return datagram

    def message(self, now: int, body: bytes) -> bytes:
        return self.sign(now, format.MESSAGE, split(self.sequence + 1, body, 300)[0])

    def take(self, now: int, datagram: bytes) -> ShareDrop | None:
        before = Counter(self.incoming.dropped)
        self.incoming.take(datagram, "10.0.0.1", now + self.clock_ns)
        return next(iter(Counter(self.incoming.dropped) - before), None)


def acquainted(now: int = 100 * S, apart: int = 12345 * S) -> tuple[End, End, list[bytes]]:
    """Two that believe each other, and all that was sent so far."""
    one, other = End(1), End(2, clock_ns=apart)
    sent = []
    for _ in range(2):
        for sender, receiver in ((one, other), (other, one)):
            sent.append(sender.greet(now))
            receiver.take(now, sent[-1])
    sent.append(one.greet(now))
    other.take(now, sent[-1])
    assert 1 in other.nodes.proven
    assert 2 in one.nodes.proven
    return one, other, sent


def test_nobody_is_believed_before_it_has_heard_us() -> None:
    one, other = End(1), End(2)
    assert other.take(0, one.message(0, b"x")) == ShareDrop.UNPROVEN
    assert other.take(0, one.greet(0)) == ShareDrop.UNPROVEN
    assert one.take(0, other.greet(0)) == ShareDrop.UNPROVEN or 2 in one.nodes.proven
    assert other.take(0, one.greet(0)) is None
    assert other.take(0, one.message(0, b"x")) is None
    assert other.said == [b"x"]


def test_what_was_recorded_is_refused_by_one_that_restarted() -> None:
    one, other, sent = acquainted()
    sent.append(one.message(100 * S, b"old"))
    assert other.take(100 * S, sent[-1]) is None
    again = End(2, clock_ns=other.clock_ns, sequence=10**6)
    for datagram in sent * 2:
        assert again.take(101 * S, datagram) in (ShareDrop.UNPROVEN, ShareDrop.OWN)
    again.greet(101 * S)
    for datagram in sent * 2:
        again.take(101 * S, datagram)
    assert not again.nodes.proven
    one.take(101 * S, again.greet(101 * S))
    assert again.take(101 * S, one.greet(101 * S)) is None
    for datagram in sent:
        assert again.take(101 * S, datagram) in (ShareDrop.REPLAYED, ShareDrop.OWN)
    assert again.said == []


def test_what_was_signed_before_the_proof_is_refused() -> None:
    one, other = End(1), End(2)
    early = one.message(0, b"early")
    other.take(0, one.greet(0))
    one.take(0, other.greet(0))
    other.take(0, one.greet(0))
    assert 1 in other.nodes.proven
    assert other.take(0, early) == ShareDrop.REPLAYED


def test_everything_passes_once() -> None:
    one, other, _ = acquainted()
    datagrams = [one.message(100 * S, bytes([n])) for n in range(50)]
    for datagram in reversed(datagrams):
        assert other.take(100 * S, datagram) is None
        assert other.take(100 * S, datagram) == ShareDrop.REPLAYED
    assert other.nodes.proven[1].window is not None


def test_what_is_held_back_is_late_and_later_ones_are_not() -> None:
    one, other, _ = acquainted()
    held = one.message(100 * S, b"held")
    assert other.take(104 * S, one.message(104 * S, b"x")) is None
    assert other.take(106 * S, held) == ShareDrop.LATE


def test_a_clock_that_stood_still_is_believed_after_the_next_greeting() -> None:
    """A virtual machine that was paused: its monotonic clock is behind from then on."""
    one, other, _ = acquainted()
    one.clock_ns -= 60 * S
    assert other.take(100 * S, one.message(100 * S, b"x")) == ShareDrop.LATE
    one.take(100 * S, other.greet(100 * S))
    assert other.take(100 * S, one.greet(100 * S)) is None
    assert other.take(100 * S, one.message(100 * S, b"x")) is None


def test_a_stranger_with_anothers_number_gets_nothing() -> None:
    _, other, _ = acquainted()
    strangers = Keyring(Key(KEYS.current.id, b"w" * 32, b"w" * 32))
    forged = format.sign(strangers, format.Stamp(1, 10**9, 0), format.MESSAGE, split(1, b"x", 99)[0])
    assert other.take(100 * S, forged) == ShareDrop.MAC
    assert other.take(100 * S, End(1, sequence=10).message(100 * S, b"")) is None, "its window has not moved"


def test_an_old_greeting_does_not_take_the_place_of_a_newer_one() -> None:
    """Else somebody who sends old ones all the time keeps a node from being known."""
    one, other = End(1), End(2)
    old, new = one.greet(0), one.greet(S)
    other.take(S, new)
    other.take(S, old)
    assert other.nodes.heard(S // 10**6) == [(1, 2)]


def test_numbers_are_bounded_and_places_are_given_up() -> None:
    end = End(1)
    for number in range(2, 2 * MOST_NODES):
        peer = End(number)
        peer.take(0, end.greet(0))
        end.take(0, peer.greet(0))
    assert len(end.nodes.proven) == MOST_NODES
    assert end.incoming.dropped[ShareDrop.FULL] == MOST_NODES - 2
    assert len(end.nodes.forget(10**6, 1000)) == MOST_NODES
    assert not end.nodes.proven


@settings(deadline=None)
@given(st.integers(1, 2**40), st.lists(st.integers(-2 * WINDOW, 2 * WINDOW), max_size=200))
def test_the_window_against_a_set(first: int, steps: list[int]) -> None:
    window, seen, highest = Window(first), set[int](), first - 1
    for step in steps:
        sequence = max(0, highest + step)
        expected = sequence >= first and sequence > highest - WINDOW and sequence not in seen
        assert window.is_new(sequence) == expected
        if expected:
            window.take(sequence)
            seen.add(sequence)
            highest = max(highest, sequence)
