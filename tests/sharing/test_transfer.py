"""Transfers over a socket pair: what arrives is what was sent, or nothing is believed."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from vc5d.errors import Vc5Error
from vc5d.sharing import transfer
from vc5d.sharing.keys import Key, Keyring
from vc5d.sharing.records import KINDS, Flows
from vc5d.sharing.transfer import Broken, Ends, fetch, serve

from tests.sharing.test_format import flows_of

ONE, OTHER = Key.of("a" * 40), Key.of("b" * 40)
RING = Keyring(ONE)
FLOWS = [flows_of(kind, count, count) for kind, count in zip(KINDS.values(), (3, 0, 2000, 70), strict=True)]
COUNT = 3 + 2000 + 70
BODY = random.Random(1).randbytes(1_500_000)
Change = Callable[[int, bytearray], bytearray]


def ends(keys: Keyring, node: int = 1) -> Ends:
    return Ends(keys, node, lambda: 2 * 10**12)


def exchange(
    client: Keyring = RING,
    server: Keyring = RING,
    up: Change = lambda _, part: part,
    down: Change = lambda _, part: part,
    request: bytes = transfer.WITH_FLOWS + b"all",
) -> tuple[tuple[bytes, int], list[Flows], list[bytes]]:
    """Through somebody in the middle, who may change what passes: the answer, the flows, requests that the
    server believed. `up` and `down` get the number of the byte that a part begins with."""
    near, middle = socket.socketpair()
    far, served = socket.socketpair()
    requests: list[bytes] = []

    def answer(node: int, asked: bytes) -> bytes:
        assert node == 1
        requests.append(asked)
        return BODY

    def flows() -> Iterator[Flows]:
        yield from FLOWS

    def server_end() -> None:
        with served, suppress(Vc5Error, OSError):
            serve(served, ends(server, 2), answer, flows)

    def pump(source: socket.socket, sink: socket.socket, change: Change) -> None:
        at = 0
        with suppress(OSError):
            while part := source.recv(1 << 16):
                sink.sendall(change(at, bytearray(part)))
                at += len(part)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    threads = [
        threading.Thread(target=server_end),
        threading.Thread(target=pump, args=(middle, far, up)),
        threading.Thread(target=pump, args=(far, middle, down)),
    ]
    for thread in threads:
        thread.start()
    got: list[Flows] = []
    try:
        return fetch(near, ends(client), request, got.append), got, requests
    finally:
        near.close()
        for each in (middle, far):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        middle.close()
        far.close()


def test_all_of_it_arrives() -> None:
    (body, count), got, requests = exchange()
    assert (body, count, requests) == (BODY, COUNT, [b"all"])
    sent = [flows for flows in FLOWS if len(flows)]
    assert [(flows.kind, flows.keys.tobytes()) for flows in got] == [(f.kind, f.keys.tobytes()) for f in sent]


def test_without_flows() -> None:
    (body, count), got, _ = exchange(request=b"\0roster")
    assert (body, count, got) == (BODY, 0, [])


@pytest.mark.parametrize(
    ("client", "server"),
    [(Keyring(ONE), Keyring(OTHER)), (Keyring(OTHER, ONE), Keyring(ONE))],
    ids=["another secret", "the next one, which the server does not know"],
)
def test_without_the_servers_secret_there_is_nothing(client: Keyring, server: Keyring) -> None:
    with pytest.raises(Broken):
        exchange(client, server)


def test_while_the_secret_is_changed() -> None:
    assert exchange(Keyring(OTHER, ONE), Keyring(ONE, OTHER))[0] == (BODY, COUNT)


def flipped(at: int) -> Change:
    def change(begin: int, part: bytearray) -> bytearray:
        if begin <= at < begin + len(part):
            part[at - begin] ^= 0x10
        return part

    return change


@pytest.mark.parametrize("at", [*range(4, 36), 40, 41, 44, 50, 59])
def test_a_bit_changed_on_the_way_up(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """In the hello, or in the request."""
    monkeypatch.setattr(transfer, "SHAKE_S", 0.5)
    requests: list[bytes] = []
    with pytest.raises((Vc5Error, OSError)):
        requests = exchange(up=flipped(at))[2]
    assert requests == []


@pytest.mark.parametrize("seed", range(25))
def test_a_bit_changed_on_the_way_down(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(transfer, "SHAKE_S", 0.5)
    monkeypatch.setattr(transfer, "WAIT_S", 0.5)
    with pytest.raises((Vc5Error, OSError)):
        exchange(down=flipped(random.Random(seed).randrange(4, 44 if seed % 2 else 1_400_000)))


@pytest.mark.parametrize("length", [0, 3, 20, 44, 60, 1000, 600_000])
def test_cut_short(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setattr(transfer, "SHAKE_S", 0.5)
    monkeypatch.setattr(transfer, "WAIT_S", 0.5)
    with pytest.raises((Vc5Error, OSError)):
        exchange(down=lambda begin, part: part[: max(0, length - begin)])


def test_a_recorded_connection_is_worth_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the client sent, sent once more: the server's nonce is another one."""
    monkeypatch.setattr(transfer, "SHAKE_S", 0.5)
    recorded = bytearray()

    def record(_: int, part: bytearray) -> bytearray:
        recorded.extend(part)
        return part

    exchange(up=record)
    client, served = socket.socketpair()
    requests: list[bytes] = []

    def answer(_: int, asked: bytes) -> bytes:
        requests.append(asked)
        return b""

    with client, served:
        client.sendall(recorded)
        with pytest.raises(Broken):
            serve(served, ends(Keyring(ONE), 2), answer, lambda: iter(()))
    assert requests == []


def test_a_frame_as_long_as_memory_is_not_waited_for() -> None:
    client, served = socket.socketpair()
    with client, served:
        client.sendall(b"\xff\xff\xff\xff" + bytes(100))
        with pytest.raises(Broken, match="impossible length"):
            serve(served, ends(Keyring(ONE), 2), lambda *_: b"", lambda: iter(()))


@pytest.mark.parametrize("order", [(1, 0), (0, 0), (1,)], ids=["swapped", "repeated", "left out"])
def test_frames_in_another_order(order: tuple[int, ...]) -> None:
    """Each is the peer's own, and not in its place."""
    client, middle = socket.socketpair()
    sender = transfer.Frames(client, b"k" * 32, client=True)
    sent = []
    for content in (b"first", b"other"):
        sender.send(content)
        sent.append(middle.recv(1000))
    end, served = socket.socketpair()
    receiver = transfer.Frames(served, b"k" * 32, client=False)
    for at in order:
        end.sendall(sent[at])
    if order[0] == 0:
        assert receiver.receive() == b"first"
    with pytest.raises(Broken, match="not in its place"):
        receiver.receive()
    for each in (client, middle, end, served):
        each.close()


def test_a_frame_sent_back_to_its_sender() -> None:
    client, middle = socket.socketpair()
    with client, middle:
        frames = transfer.Frames(client, b"k" * 32, client=True)
        frames.send(b"mine")
        middle.sendall(middle.recv(1000))
        with pytest.raises(Broken):
            frames.receive()
