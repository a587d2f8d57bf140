"""Load balancers in namespaces that share flows, by multicast and by unicast, each of several processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.support import pins
from tests.runtime.support.documents import Spec, raw_document
from tests.sharing.fleet import ROOT, SECRET, Fleet, Member, eventually, run

pytestmark = pytest.mark.bpf

WEB, DNS, WEB6, API = (
    "192.168.101.1:80:tcp",
    "192.168.101.1:53:udp",
    "2001:db8:101::1:80:tcp",
    "192.168.101.2:80:tcp",
)
REALS = {f"10.77.0.{n}": 1 for n in (101, 102, 103)}
REALS6 = {f"2001:db8:77::10{n}": 1 for n in (1, 2, 3)}
MACS = {real: f"02:00:00:00:0{number}:00" for number, real in enumerate([*REALS, *REALS6])}
MULTICAST = {"multicast": "239.7.7.7:9999"}
UNICAST = {"sharing": {"peers": ["10.77.0.1", "10.77.0.2"], "port": 7777}}


def document(extra: dict[str, Any], reals: dict[str, int] = REALS, **more: Any) -> dict[str, Any]:
    """WEB, WEB6 and DNS track every flow; API as TCP does by default."""
    services = {WEB: reals, DNS: reals, WEB6: REALS6, API: reals}
    full = dict.fromkeys((WEB, DNS, WEB6), "full")
    return raw_document(Spec(services, macs=MACS, track=full | {API: "needed"}, extra=extra, **more))


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    yield from a_fleet(tmp_path)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Member]]:
    """Two that share by multicast, for tests that use flows of their own."""
    for made in a_fleet(tmp_path_factory.mktemp("pair")):
        yield together(made, MULTICAST)


def a_fleet(folder: Path) -> Iterator[Fleet]:
    path = next(pins.directory("share"))
    made = Fleet(folder, path.parent)
    try:
        yield made
    finally:
        made.close()


def together(fleet: Fleet, extra: dict[str, Any], count: int = 2, **more: Any) -> list[Member]:
    for _ in range(count):
        fleet.add(document(extra, **more))
    for member in fleet.members:
        assert eventually(lambda m=member: knows(m, count - 1)), "\n".join(map(said, fleet.members))
        member.ask("states", dict.fromkeys([*REALS, *REALS6], "ACCEPTING"))
    return fleet.members


def said(member: Member) -> str:
    return f"{member.address}: {member.ask('status')}\n{(member.folder / 'stderr').read_text()[-2000:]}"


def knows(member: Member, count: int) -> bool:
    return len(member.ask("status").get("nodes", {})) == count


def flows(net: int, vip: str, port: int, protocol: str, count: int = 50) -> list[list[Any]]:
    client = f"2001:db8:{net}::1" if ":" in vip else f"10.{net}.0.1"
    return [[client, 1024 + n, vip, port, protocol] for n in range(count)]


def with_flags(of: list[list[Any]], flags: str) -> list[list[Any]]:
    return [[*flow, flags] for flow in of]


def entries(member: Member, table: str) -> int:
    return int(member.ask("flows")[table])


@pytest.mark.parametrize(
    "extra", [MULTICAST, {"multicast": "[ff15::7]:9999"}, UNICAST], ids=["IPv4", "IPv6", "unicast"]
)
def test_new_flows_are_known_to_the_others_at_once(fleet: Fleet, extra: dict[str, Any]) -> None:
    one, other = together(fleet, extra)
    some = flows(9, "192.168.101.1", 80, "tcp") + flows(9, "192.168.101.1", 53, "udp")
    some += flows(9, "2001:db8:101::1", 80, "tcp")
    one.ask("packets", with_flags(some, "S"))
    assert entries(one, "flows4_syn") == 50
    time.sleep(0.3)
    assert entries(other, "flows4_tcp") == 0, "half-open flows are told to nobody"
    sent = one.ask("packets", with_flags(some, "A"))
    assert all(sent)
    wanted = {"peer_flows4_tcp": 50, "peer_flows4_udp": 50, "peer_flows6_tcp": 50}
    assert eventually(lambda: wanted.items() <= other.ask("flows").items()), other.ask("flows")
    other.ask("states", {"10.77.0.102": "DRAINING"})
    assert other.ask("packets", with_flags(some, "A")) == sent


def test_a_flow_that_is_not_its_owners_is_consulted_and_a_new_one_in_its_place_forgets_it(
    pair: list[Member],
) -> None:
    one, other = pair
    some = flows(20, "192.168.101.2", 80, "tcp", 60)
    other.ask("tick")
    assert other.ask("consult", API) == []
    one.ask("states", {"10.77.0.101": "DRAINING"})
    one.ask("packets", with_flags(some, "S"))
    sent = one.ask("packets", with_flags(some, "A"))
    assert MACS["10.77.0.101"] not in sent
    assert eventually(lambda: other.ask("consult", API) == ["10.77.0.101"]), other.ask("consult", API)
    other.ask("tick")
    assert other.ask("consult", API) == ["10.77.0.101"], "a scan leaves it while there are such flows"
    assert other.ask("packets", with_flags(some, "A")) == sent, "the table alone would say otherwise"
    stored = entries(one, "flows4_tcp")
    assert stored == entries(other, "flows4_tcp") > 0
    # The same clients come anew: the owner accepts again, and takes what is its own.
    one.ask("states", {"10.77.0.101": "ACCEPTING", "10.77.0.102": "DRAINING", "10.77.0.103": "DRAINING"})
    anew = one.ask("packets", with_flags(some, "S"))
    one.ask("states", {"10.77.0.102": "ACCEPTING", "10.77.0.103": "ACCEPTING"})
    assert MACS["10.77.0.101"] in anew
    left = entries(one, "flows4_tcp")
    assert left < stored
    assert eventually(lambda: entries(other, "flows4_tcp") == left), (left, other.ask("flows"))


def test_a_transfer_gives_all_that_there_is(pair: list[Member]) -> None:
    one, other = pair
    one.ask("store", False, 30_000, "10.77.0.102")
    one.ask("store", True, 10_000, "10.77.0.103")
    told = other.ask("fetch", one.address)
    assert told["body"] == len(b"answer to " + b"request" * 1000)
    assert told["flows"] >= 40_000
    assert entries(other, "flows4_tcp") >= 30_000
    assert entries(other, "flows4_udp") >= 10_000


def test_messages_come_whole_whatever_their_length(pair: list[Member]) -> None:
    one, other = pair
    other.ask("heard")
    for size in (0, 10, 1400, 100_000):
        one.ask("say", size)
        assert eventually(lambda s=size: other.ask("heard") == [[one.address, s]]), size
    one.ask("say", 1 << 19)
    one.ask("say", 3)
    assert eventually(lambda: other.ask("heard") == [[one.address, 3]])


def test_the_process_is_started_anew(pair: list[Member]) -> None:
    one, other = pair
    (child,) = one.children
    os.kill(child, signal.SIGKILL)
    assert eventually(lambda: one.ask("status")["on"] and one.children not in ([], [child]))
    assert eventually(lambda: knows(one, 1) and knows(other, 1))
    before = entries(other, "flows4_udp")
    one.ask("packets", with_flags(flows(21, "192.168.101.1", 53, "udp"), ""))
    assert eventually(lambda: entries(other, "flows4_udp") >= before + 50)


def attack(member: Member, seconds: float) -> int:
    """From another namespace; how many datagrams were sent."""
    (node,) = member.ask("status")["nodes"]
    command = ["nsenter", f"--net=/run/netns/{member.net}", sys.executable, "-m", "tests.sharing.attacker"]
    done = subprocess.run(
        [*command, member.address, "9999", str(seconds), node],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_a_flood_of_strangers_is_counted_by_reason_and_cheap(pair: list[Member]) -> None:
    one, other = pair
    before = other.ask("status")
    sent = attack(other, 4)
    time.sleep(1.2)
    after = other.ask("status")
    dropped = {name: count - before["dropped"][name] for name, count in after["dropped"].items()}
    assert all(dropped[name] for name in ("short", "stranger", "version", "key", "mac")), dropped
    assert sum(dropped.values()) <= sent + 100, "a few of the peer's own, in whose name the flood comes"
    assert dropped["mac"] <= 6 * (20_000 + 1000), "checks of MACs are limited"
    assert not dropped["own"]
    stored = entries(other, "flows4_udp")
    one.ask("packets", with_flags(flows(22, "192.168.101.1", 53, "udp"), ""))
    assert eventually(lambda: entries(other, "flows4_udp") >= stored + 50)


def test_what_was_recorded_is_not_taken_again(pair: list[Member]) -> None:
    """Every datagram of a second, sent to the same sockets once more."""
    one, other = pair
    some = with_flags(flows(23, "192.168.101.1", 53, "udp"), "")
    own = bytes.fromhex(other.ask("status")["node"])
    recorded = [each for each in record(other, lambda: one.ask("packets", some)) if each[8:16] != own]
    assert len(recorded) >= 2
    before = other.ask("status")["dropped"]["replayed"]
    for datagram in recorded * 3:
        send(other, datagram)
    assert eventually(lambda: other.ask("status")["dropped"]["replayed"] == before + 3 * len(recorded))


def record(member: Member, do: Any) -> list[bytes]:
    """What is sent to the group while `do` is done, and a second more."""
    code = (
        "import socket,struct,sys,time,json\n"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
        "s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind(('239.7.7.7',9999))\n"
        "s.setsockopt(0,35,struct.pack('=4s4si',socket.inet_aton('239.7.7.7'),bytes(4),socket.if_nametoindex('bridge0')))\n"
        "print('ready',flush=True); s.settimeout(1.2); found=[]\n"
        "end=time.time()+2\n"
        "while time.time()<end:\n"
        "    try: found.append(s.recv(9000).hex())\n"
        "    except TimeoutError: break\n"
        "print(json.dumps(found))\n"
    )
    command = ["nsenter", f"--net=/run/netns/{member.net}", sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        do()
        return [bytes.fromhex(each) for each in json.loads(process.stdout.read())]


def send(member: Member, datagram: bytes) -> None:
    code = (
        "import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
        f"s.sendto(bytes.fromhex(sys.argv[1]),('{member.address}',9999))"
    )
    run("nsenter", f"--net=/run/netns/{member.net}", sys.executable, "-c", code, datagram.hex())


def test_no_secret_in_any_output(pair: list[Member]) -> None:
    from vc5d.sharing.keys import Key
    from vc5d.web.metrics import render

    from tests.runtime.test_web_metrics import STATUS

    key = Key.of(SECRET)
    for member in pair:
        status = member.ask("status")
        page = b"".join(render(STATUS | {"sharing": status}, "text/plain")[0]).decode()
        command_lines = "".join(
            Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")
            for pid in [member.pid, *member.children]
            for what in ("cmdline", "environ")
        )
        log = (member.folder / "stderr").read_text()
        for said in (json.dumps(status), page, command_lines, log):
            for secret in (SECRET, key.datagram.hex(), key.transfer.hex()):
                assert secret not in said


def test_living_flows_are_told_again_and_nobody_repeats_what_it_heard(fleet: Fleet) -> None:
    one, other, third = together(fleet, MULTICAST, 3, lifetime=8)
    one.ask("store", True, 500, "10.77.0.102")  # no packet came in by the program: nothing is told at once
    assert eventually(lambda: entries(other, "peer_flows4_udp") == 500, 10), other.ask("flows")
    assert eventually(lambda: entries(third, "peer_flows4_udp") == 500, 10)
    time.sleep(5)
    assert other.ask("status")["sent"]["flows"] == 0
    assert third.ask("status")["sent"]["flows"] == 0


def test_flows_of_reals_that_are_not_known_yet_wait_for_the_document(fleet: Fleet) -> None:
    fewer = {real: 1 for real in REALS if real != "10.77.0.103"}
    fleet.add(document(MULTICAST))
    fleet.add(document(MULTICAST, fewer))
    one, other = fleet.members
    assert eventually(lambda: knows(other, 1) and knows(one, 1))
    one.ask("states", dict.fromkeys(REALS, "ACCEPTING"))
    sent = one.ask("packets", with_flags(flows(9, "192.168.101.1", 53, "udp", 60), ""))
    kept = sent.count(MACS["10.77.0.103"])
    assert eventually(lambda: other.ask("status").get("aside", 0) >= kept > 0), other.ask("status")
    assert entries(other, "flows4_udp") == 60 - kept
    other.write(document(MULTICAST))
    other.ask("document")
    other.ask("states", dict.fromkeys(REALS, "ACCEPTING"))
    assert eventually(lambda: entries(other, "flows4_udp") == 60), other.ask("status")
    assert other.ask("packets", with_flags(flows(9, "192.168.101.1", 53, "udp", 60), "")) == sent


def test_one_without_the_secret_gets_nothing(fleet: Fleet) -> None:
    for secret in (SECRET, SECRET, "another-secret-of-at-least-32-characters"):
        fleet.add(document(MULTICAST), secret)
    one, other, stranger = fleet.members
    assert eventually(lambda: knows(one, 1) and knows(other, 1))
    assert eventually(lambda: stranger.ask("status").get("dropped", {}).get("key"))
    assert eventually(lambda: one.ask("status")["dropped"]["key"])
    assert not stranger.ask("status")["nodes"]
    assert "gave nothing" in stranger.ask("fetch", one.address)["error"]
    assert eventually(lambda: one.ask("status")["transfers"]["refused"] == 1)


def test_the_secret_is_changed_without_a_gap(fleet: Fleet) -> None:
    """One has the new one already, and the old one as the other."""
    new = "the-next-secret-of-at-least-32-characters"
    fleet.add(document(MULTICAST), SECRET, new)
    fleet.add(document(MULTICAST), new, SECRET)
    one, other = fleet.members
    assert eventually(lambda: knows(one, 1) and knows(other, 1)), one.ask("status")
    other.ask("states", dict.fromkeys(REALS, "ACCEPTING"))
    other.ask("packets", with_flags(flows(9, "192.168.101.1", 53, "udp"), ""))
    assert eventually(lambda: entries(one, "flows4_udp") == 50)
    assert other.ask("fetch", one.address)["flows"] == 50


def test_a_tenth_of_all_datagrams_lost(fleet: Fleet, tmp_path: Path) -> None:
    """Told twice, one flow in a hundred is missing; and passes bring those that live. One that has no packet
    any more is told by two of them: of two thousand such the last would be missing now and then."""
    one, other = together(fleet, MULTICAST, lifetime=20)
    built = tmp_path / "lose.o"
    include = next(Path("/usr/include").glob("*-linux-gnu"))
    flags = ["-O2", "-g", "-target", "bpf", "-isystem", str(include)]
    run("clang", *flags, "-c", str(Path(__file__).with_name("lose.bpf.c")), "-o", str(built))
    tc = ["nsenter", f"--net=/run/netns/{other.space}", "tc"]
    run(*tc, "qdisc", "add", "dev", "eth0", "clsact")
    run(
        *tc, "filter", "add", "dev", "eth0", "ingress", "bpf", "direct-action", "obj", str(built), "sec", "tc"
    )

    def packets() -> None:
        for net in range(100, 140):
            one.ask("packets", with_flags(flows(net, "192.168.101.1", 53, "udp", 50), ""))
            time.sleep(0.02)

    def known_while_they_live() -> bool:
        packets()
        return entries(other, "flows4_udp") == 2000

    packets()
    # A datagram has 50 flows. Six of the 40 lost, and lost again, is chance once in 300,000.
    assert eventually(lambda: entries(other, "flows4_udp") >= 1750, 5), entries(other, "flows4_udp")
    assert eventually(known_while_they_live, 60), entries(other, "flows4_udp")


def test_a_port_that_is_taken_is_said_and_tried_again(fleet: Fleet) -> None:
    one, other = together(fleet, MULTICAST)
    code = "import socket,time; s=socket.socket(); s.bind(('10.77.0.1',9999)); s.listen(); time.sleep(60)"
    os.kill(one.children[0], signal.SIGSTOP)
    blocked = subprocess.Popen(["nsenter", f"--net=/run/netns/{one.space}", sys.executable, "-c", code])
    os.kill(one.children[0], signal.SIGKILL)
    try:
        found = eventually(lambda: "in use" in one.ask("status")["why"] or one.ask("status")["on"])
        assert found
    finally:
        blocked.kill()
        blocked.wait()
    assert eventually(lambda: one.ask("status")["on"])
    assert eventually(lambda: knows(other, 1))


def test_connections_that_say_nothing_or_rubbish_are_ended(pair: list[Member]) -> None:
    one, _ = pair
    before = one.ask("status")["transfers"]
    code = f"""
import os, socket
found = []
rubbish = (b"", b"GET / HTTP\\r\\n\\r\\n", bytes(100), bytes(3) + b"\\x20" + os.urandom(32), b"\\xff" * 99)
for content in rubbish:
    s = socket.create_connection(("{one.address}", 9999), 5)
    s.settimeout(8)
    s.sendall(content)
    try:
        found.append(s.recv(100) == b"")
    except ConnectionResetError:
        found.append(True)
    s.close()
print(all(found))
"""
    command = ["nsenter", f"--net=/run/netns/{one.net}", sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "True"
    assert eventually(lambda: one.ask("status")["transfers"]["refused"] >= before["refused"] + 5)


def test_a_datagram_of_each_kind_fits_the_mtu(pair: list[Member]) -> None:
    one, other = pair
    recorded = record(
        other,
        lambda: [
            one.ask("packets", with_flags(flows(24, "192.168.101.1", 53, "udp", 500), "")),
            one.ask("say", 5000),
        ],
    )
    longest = max(len(datagram) for datagram in recorded)
    assert 1400 < longest <= 1500 - 28
    assert {datagram[5] for datagram in recorded} >= {1, 2, 18}
    assert socket.ntohl(int.from_bytes(recorded[0][:4], "little")) == 0x56433573
