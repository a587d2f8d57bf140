"""What the programs beside the XDP program do, and what that tells: `told_flows`, `merge`, `gate`."""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vc5d.sharing import format
from vc5d.sharing.gate import Gate
from vc5d.sharing.keys import Key, Keyring
from vc5d.sharing.ring import Ring, by_kind
from vc5d.xdp.bpf import Array, Object, run_syscall
from vc5d.xdp.layout import FLOW, MERGE_CALL, MERGE_ENTRY, TOLD_COUNT, ShareDrop, ToldLimits

from .kernel import FLOW_KEYS, HASHES, Kernel
from .model import ACCEPTING, CONSULT, DRAINING, NS, TRANSITION, UDP
from .packets import V4
from .pair import FamilyPair, clock
from .test_track import BEFORE, OTHER, OWNER, Flow, in_state, service

pytestmark = pytest.mark.bpf

ROOM = (1 << 15) - 1  # records that the ring holds: never its last byte
SHARED = [name for name in HASHES if name.startswith("flows")]
IDS = {number: 10 + number for number in (OWNER, OTHER, BEFORE)}  # of test_track's reals


class Told:
    """What the program tells of from now on."""

    def __init__(self, kernel: Kernel, limit: int = 1000) -> None:
        self._kernel, self.ring = kernel, Ring(kernel.maps["told_flows"])
        self.ring.read()
        kernel.arrays["control"]["tells"] = limit

    def reals(self) -> list[int]:
        """The real ids told since the last call; 0: forgotten."""
        return [int(number) for number in self.ring.read()["real_id"]]

    def close(self) -> None:
        self._kernel.arrays["control"]["tells"] = 0


@pytest.fixture
def told(kernel: Kernel) -> Iterator[Told]:
    made = Told(kernel)
    yield made
    made.close()


def age(kernel: Kernel, by_s: float) -> None:
    """Every entry had its last packet so much earlier."""
    for name in SHARED:
        keys, values = kernel.read(name)
        if len(keys):
            values["last_ns"] -= int(by_s * NS)
            kernel.maps[name].write_hash(keys, values)


def test_established_flows_are_told_and_half_open_ones_are_not(both: FamilyPair, told: Told) -> None:
    web = service(states=(DRAINING, ACCEPTING, ACCEPTING))
    in_state(web, CONSULT)
    flow = Flow(both, web)
    flow.send("S")
    assert told.reals() == []
    got = int(flow.ack())
    assert told.reals() == [IDS[got]]
    flow.send("A")
    assert told.reals() == []


def test_a_flow_that_predates_the_flip_is_told(both: FamilyPair, told: Told) -> None:
    web = service()
    in_state(web, TRANSITION)
    Flow(both, web).send("A")
    records = told.ring.read()
    assert records["real_id"].tolist() == [IDS[BEFORE]]
    (found,) = by_kind(records)
    assert found.kind.family == (4 if both.family is V4 else 6)
    assert abs(int(found.last_ns[0]) - clock()) < 5 * NS
    keys, _ = both.kernel.read(found.kind.table)
    assert keys.tobytes() == found.keys.tobytes()


def test_an_entry_that_a_new_flow_ends_is_told(both: FamilyPair, told: Told) -> None:
    web = service(states=(DRAINING, ACCEPTING, ACCEPTING))
    in_state(web, CONSULT)
    flow = Flow(both, web)
    flow.send("S")
    flow.send("A")
    assert told.reals() != []
    web.reals[OWNER].state = ACCEPTING
    web.reals[OTHER].state = web.reals[BEFORE].state = DRAINING
    flow.send("S")
    assert told.reals() == [0]


def test_udp_is_told_when_it_is_stored(both: FamilyPair, told: Told) -> None:
    flow = Flow(both, service(UDP, "full"))
    flow.send("")
    assert told.reals() == [IDS[OWNER]]
    flow.send("")
    assert told.reals() == []


def test_a_flow_that_was_quiet_is_told_again_and_is_this_ones_from_then_on(
    kernel: Kernel, told: Told
) -> None:
    from .pair import Pair

    pair = FamilyPair(kernel, Pair(kernel, 0).cpu)
    pair.family = V4
    flow = Flow(pair, service(UDP, "full"), lifetime=20.0)
    flow.send("")
    told.reals()
    for quiet_s, again in ((4.0, []), (6.0, [IDS[OWNER]])):
        age(kernel, quiet_s)
        keys, values = kernel.read("flows4_udp")
        values["peer"] = 1
        kernel.maps["flows4_udp"].write_hash(keys, values)
        kernel.run(V4.udp(flow.sport, 80))
        assert told.reals() == again
        _, values = kernel.read("flows4_udp")
        assert values["peer"].tolist() == [0]


def test_telling_is_limited_and_a_full_ring_costs_nothing(kernel: Kernel, pair: Any, told: Told) -> None:
    both = FamilyPair(pair.kernel, pair.cpu)
    both.family = V4
    Flow(both, service(UDP, "full")).send("")
    told.reals()
    counted = counts(kernel)
    kernel.arrays["control"]["tells"] = 1 << 20
    kernel.arrays["control"]["inserts"] = 0
    for rounds in range(3):
        sent = ROOM + 101 if rounds == 0 else ROOM // 2
        for number in range(sent):
            kernel.run(V4.udp(number % 60000 + 1, 80, src=f"10.{rounds}.{number // 60000}.9"))
        records = told.ring.read()
        assert len(records) == min(sent, ROOM)
        ports = np.ascontiguousarray(records["key"][:, 8:10]).view(">u2")[:, 0]
        assert (ports == np.arange(len(records)) % 60000 + 1).all()
    assert [now - was for now, was in zip(counts(kernel), counted, strict=True)] == [2 * ROOM - 1, 0, 101]
    kernel.arrays["control"]["tells"] = 5
    time.sleep(1.1)
    for number in range(50):
        kernel.run(V4.udp(number + 1, 80, src="10.9.0.9"))
    assert 5 <= len(told.ring.read()) <= 10  # a second may end meanwhile


def counts(kernel: Kernel) -> list[int]:
    """Told, limited, full."""
    found = kernel.maps["told_counts"].read_percpu(TOLD_COUNT)[0]
    return [int(found[name].sum()) for name in ("told", "limited", "full")]


# merge


class Merger:
    def __init__(self, kernel: Kernel, path: Path) -> None:
        shared = {name: kernel.maps[name].fd for name in SHARED}
        sizes = {"merge_batch": int(ToldLimits.MERGE_MOST), "gate_nodes": 256}
        programs = {"vc5": False, "merge": True, "gate": True}
        self.object = Object(path, sizes, shared, programs=programs)
        self._batch = self.object.maps["merge_batch"].mapped(MERGE_ENTRY)

    def __call__(self, family: int, udp: bool, entries: list[tuple[int, int, int]]) -> Array:
        """(client, last_ns, real id) each; the counts of what became of them."""
        self._batch["key"] = 0
        call = np.zeros(1, MERGE_CALL)
        call["count"], call["udp"], call["ipv6"] = len(entries), udp, family == 6
        for record, (client, last_ns, real_id) in zip(self._batch, entries, strict=False):
            key = key_of(family, client)
            record["key"][: len(key)] = np.frombuffer(key, "u1")
            record["flow"] = (last_ns, client, real_id, 1, 1)
        run_syscall(self.object.program("merge"), call)
        return call[0]


def key_of(family: int, client: int) -> bytes:
    width = 4 if family == 4 else 16
    return client.to_bytes(width, "big") + bytes(width) + struct.pack(">HH", 1024, 80)


@pytest.fixture(scope="module")
def merger(kernel: Kernel, bpf_object: Path) -> Iterator[Merger]:
    made = Merger(kernel, bpf_object)
    yield made
    made.object.close()


@pytest.fixture(params=[(4, False), (4, True), (6, False), (6, True)], ids=str)
def kind(request: pytest.FixtureRequest, kernel: Kernel) -> tuple[int, bool]:
    for name in SHARED:
        kernel.clear(name)
    return request.param


def contents(kernel: Kernel, name: str) -> dict[bytes, tuple[int, int]]:
    keys, values = kernel.read(name)
    raw = keys.tobytes()
    size = keys.dtype.itemsize
    return {
        raw[at * size : (at + 1) * size]: (int(value["last_ns"]), int(value["real_id"]))
        for at, value in enumerate(values)
    }


def test_merging_against_a_dictionary(kernel: Kernel, merger: Merger, kind: tuple[int, bool]) -> None:
    """Newest wins; a tie stays as it is; 0 deletes what is older; a half-open flow counts, and makes room."""
    family, udp = kind
    table, syn = f"flows{family}_{'udp' if udp else 'tcp'}", f"flows{family}_syn"
    rng = random.Random(family + udp)
    there: dict[bytes, tuple[int, int]] = {}
    half: dict[bytes, tuple[int, int]] = {}
    for _ in range(60):
        if not udp and rng.random() < 0.5:
            client, last, real = rng.randrange(40), rng.randrange(1, 1000), rng.randrange(1, 4)
            half[key_of(family, client)] = (last, real)
            keys, values = np.zeros(1, FLOW_KEYS[family]), np.zeros(1, FLOW)
            keys.view("u1")[:] = np.frombuffer(key_of(family, client), "u1")
            values["last_ns"], values["real_id"] = last, real
            kernel.maps[syn].write_hash(keys, values)
        entries = [(rng.randrange(40), rng.randrange(1, 1000), rng.randrange(4)) for _ in range(20)]
        counts = dict.fromkeys(("stored", "renewed", "deleted", "older"), 0)
        for client, last, real in entries:
            key = key_of(family, client)
            if max(there.get(key, (0, 0))[0], half.get(key, (0, 0))[0]) >= last:
                counts["older"] += 1
                continue
            if key in there:
                counts["renewed" if real else "deleted"] += 1
            elif real:
                counts["stored"] += 1
            same = key in there and there[key][1] == real
            if not same:
                half.pop(key, None)
            there.pop(key, None)
            if real:
                there[key] = (last, real)
        done = merger(family, udp, entries)
        assert {name: int(done[name]) for name in counts} == counts
        assert contents(kernel, table) == there
        if not udp:
            assert contents(kernel, syn) == half


def test_what_is_merged_is_marked_and_its_hash_and_place_are_renewed(kernel: Kernel, merger: Merger) -> None:
    for name in SHARED:
        kernel.clear(name)
    merger(4, False, [(7, 100, 5)])
    keys, values = kernel.read("flows4_tcp")
    values["peer"] = 0
    kernel.maps["flows4_tcp"].write_hash(keys, values)
    merger(4, False, [(7, 200, 5)])
    _, values = kernel.read("flows4_tcp")
    assert [tuple(value) for value in values] == [(200, 7, 5, 1, 1)]


# gate


def test_the_gate_drops_each_for_its_reason(merger: Merger) -> None:
    keys = Keyring(Key.of("k" * 40), Key.of("n" * 40))
    gate = Gate(merger.object, 77, keys.ids)
    receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with receiver, sender:
        gate.attach(receiver)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(0.2)
        gate.know([5])

        def sent(datagram: bytes) -> ShareDrop | None:
            """Why it did not arrive; None: it did."""
            before = gate.dropped()
            sender.sendto(datagram, receiver.getsockname())
            try:
                assert receiver.recv(9000) == datagram
            except TimeoutError:
                (why,) = [why for why, count in gate.dropped().items() if count != before[why]]
                return why
            assert gate.dropped() == before
            return None

        def signed(node: int, kind: int, by: Keyring = keys) -> bytes:
            return format.sign(by, format.Stamp(node, 1, 1), kind, bytes(20))

        assert sent(b"") == ShareDrop.SHORT
        assert sent(signed(5, 16)[:47]) == ShareDrop.SHORT
        assert sent(os.urandom(3) + b"!" + bytes(60)) == ShareDrop.STRANGER
        assert sent(signed(5, 16)[:4] + b"\2" + signed(5, 16)[5:]) == ShareDrop.VERSION
        assert sent(signed(5, 16, Keyring(Key.of("x" * 40)))) == ShareDrop.KEY
        assert sent(signed(77, 16)) == ShareDrop.OWN
        assert sent(signed(6, 16)) == ShareDrop.UNPROVEN
        assert sent(signed(6, 1)) is None
        assert sent(signed(5, 16)) is None
        assert sent(signed(5, 16, Keyring(Key.of("n" * 40)))) is None
        gate.know([6])
        assert sent(signed(6, 16)) is None
        assert sent(signed(5, 16)) == ShareDrop.UNPROVEN
        receiver.setblocking(False)
        for _ in range(3000):
            sender.sendto(signed(9, 1), receiver.getsockname())
        assert gate.dropped()[ShareDrop.FLOOD] >= 3000 - 2 * 1000 - 10  # a second may end meanwhile
