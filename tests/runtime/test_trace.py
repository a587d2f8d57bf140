"""`vc5ctl trace` with the real program on a real interface: what it says, and that it leaves nothing."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live
import pytest
from live import SERVICE, Host
from vc5d.errors import Vc5Error
from vc5d.tracing.wanted import Wanted
from wire import REAL1, REAL2, VIP, Wire, output, until

pytestmark = [pytest.mark.lab, pytest.mark.bpf]


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from live.made()


@pytest.fixture
def installed(wire: Wire, tmp_path: Path) -> Iterator[Host]:
    yield from live.installed(wire, tmp_path)


def steps(event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["step"]: {key: each[key] for key in each if key != "step"} for each in event["steps"]}


def test_one_packet_step_by_step(installed: Host) -> None:
    installed.settle()
    plain = installed.program()
    tracing = installed.trace("src", "203.0.113.0/24", "dst", VIP, "tcp", "dst", "port", "80", "--json")
    assert installed.program() != plain
    frame = installed.frame("203.0.113.7", 4711)
    installed.send(installed.frame("198.51.100.1", 1), installed.frame("203.0.113.7", 1, dport=81), frame)
    (event,) = tracing.events(1)
    assert (event["source"], event["sport"], event["destination"], event["dport"]) == (
        "203.0.113.7",
        4711,
        VIP,
        80,
    )
    assert (event["interface"], event["protocol"], event["verdict"]) == ("eth10", "tcp", "tx")
    said = steps(event)
    assert [*said] == ["service", "hash", "slot", "owner", "fast", "real", "link"]
    assert said["service"] == {"service": SERVICE, "name": SERVICE}
    assert said["slot"]["state"] == "clear"
    assert said["owner"] == {"real": said["real"]["real"], "state": "accepting", "consult": False}
    before, after = (base64.b64decode(event[name]) for name in ("before", "after"))
    assert before == frame
    assert after[:6].hex(":") == said["link"]["mac"]
    assert after[-48:] == frame[-48:]
    assert event["length_before"] == len(frame)
    assert event["length_after"] == len(frame) + (4 if said["link"]["vlan"] else 0) == len(after)
    assert tracing.end() == ("", "1 packets\n")
    until(lambda: installed.program() == plain)


def test_a_paragraph_for_a_person(installed: Host) -> None:
    installed.settle()
    tracing = installed.trace("--flow", "203.0.113.7:4711", f"{VIP}:80", "--count", "1")
    installed.send(installed.frame("203.0.113.7", 4711))
    out, err = tracing.process.communicate(timeout=10)
    assert (tracing.process.returncode, err) == (0, "1 packets\n")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert re.fullmatch(
        rf"\d\d:\d\d:\d\d\.\d{{6}} eth10 cpu \d+: TCP 203.0.113.7:4711 > {VIP}:80, 62 bytes", lines[0]
    )
    assert lines[1] == f"service {SERVICE} ({SERVICE})"
    assert lines[5] == "answer the owner: the slot is clear and it accepts, so nothing is looked up"
    assert re.fullmatch(r"link MAC [0-9a-f:]{17}, (untagged|VLAN 20)", lines[7])
    assert lines[8].startswith("verdict sent back out of the same interface, 6")


def test_rows_of_the_state_table_and_drops(installed: Host) -> None:
    assert installed.ctl("drain", "real", REAL1, "--force").returncode == 0
    until(lambda: installed.states()[REAL1] == "draining")
    tracing = installed.trace("dst", VIP, "--json")
    installed.send(*(installed.frame("203.0.113.7", port) for port in range(1, 41)))
    events = tracing.events(40)
    for said in map(steps, events):
        if said["owner"]["real"] == REAL1:
            assert (said["row"], said["stored"]) == ({"row": 3}, {"table": "syn"})
    assert REAL1 in {steps(event)["owner"]["real"] for event in events}
    assert {step["real"] for event in events for step in event["steps"] if step["step"] == "real"} == {REAL2}
    probes = [step for event in events for step in event["steps"] if step["step"] == "probe"]
    assert {probe["real"] for probe in probes} == {REAL2}
    tracing.end()
    drops = installed.trace("dst", VIP, "--drops")
    installed.send(installed.frame("203.0.113.7", 1), installed.frame("203.0.113.7", 1, dport=81))
    until(lambda: drops.out.readline().strip().startswith("verdict"))
    out, err = drops.end()
    assert (out, err) == ("", "1 packets\n")
    assert installed.ctl("undrain", "real", REAL1).returncode == 0


def test_the_last_tracer_takes_the_program_away(installed: Host) -> None:
    plain = installed.program()
    first, second = (
        installed.trace("src", "203.0.113.1", "--json"),
        installed.trace("src", "203.0.113.2", "--json"),
    )
    traced = installed.program()
    installed.send(installed.frame("203.0.113.2", 1), installed.frame("203.0.113.1", 1))
    assert [event["source"] for event in (*first.events(1), *second.events(1))] == [
        "203.0.113.1",
        "203.0.113.2",
    ]
    first.end()
    assert installed.program() == traced
    installed.send(installed.frame("203.0.113.2", 2))
    assert second.events(1)[0]["sport"] == 2
    second.end()
    until(lambda: installed.program() == plain)


def test_no_more_than_four(installed: Host) -> None:
    four = [installed.trace("src", "203.0.113.1") for _ in range(4)]
    refused = installed.ctl("trace")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "4 trace already" in refused.stderr
    for tracing in four:
        tracing.end()


def test_killed_while_tracing_the_next_start_puts_the_plain_program_back(installed: Host) -> None:
    plain = installed.program()
    tracing = installed.trace("--json")
    traced = installed.program()
    installed.daemon.kill()
    installed.daemon.wait()
    assert installed.program() == traced, "it goes on forwarding"
    _, err = tracing.process.communicate(timeout=10)
    assert "vc5d ended" in err
    assert tracing.process.returncode == 1
    installed.start("eth20")
    assert installed.program() == plain, "also on an interface that the next one is not told of"


def test_stopped_while_tracing(installed: Host) -> None:
    plain = installed.program()
    tracing = installed.trace()
    installed.daemon.terminate()
    assert installed.daemon.wait(10) == 0
    assert installed.program() == plain
    _, err = tracing.process.communicate(timeout=10)
    assert tracing.process.returncode == 1
    assert "vc5d end" in err
    installed.daemon = installed.start()


def test_tracing_goes_on_over_a_reload_and_over_new_maps(installed: Host) -> None:
    plain = installed.program()
    tracing = installed.trace("src", "203.0.113.7", "--json")
    traced = installed.program()
    installed.write(learn=1)
    assert installed.ctl("reload").returncode == 0
    installed.send(installed.frame("203.0.113.7", 1))
    assert tracing.events(1)[0]["sport"] == 1
    assert installed.program() == traced
    installed.write(services=1200)
    assert installed.ctl("reload").returncode == 0
    grown = installed.program()
    assert grown not in (plain, traced), "the document has outgrown the maps"
    installed.send(installed.frame("203.0.113.7", 2))
    (event,) = tracing.events(1)
    assert (event["sport"], steps(event)["service"]["service"]) == (2, SERVICE)
    tracing.end()
    until(lambda: installed.program() not in (plain, traced, grown))


def test_a_limit_and_what_is_beyond_it(installed: Host) -> None:
    tracing = installed.trace("src", "203.0.113.7", "--limit", "5", "--json")
    installed.send(*[installed.frame("203.0.113.7", 1)] * 200)
    items = [json.loads(tracing.out.readline())]
    while "counts" not in items[-1]:
        items.append(json.loads(tracing.out.readline()))
    counts = items[-1]["counts"]
    assert counts["matched"] == 200
    assert counts["limited"] == 200 - (len(items) - 1)
    assert len(items) - 1 in (5, 10), "the burst may fall into two seconds"
    _, err = tracing.end()
    assert err == f"{len(items) - 1} packets, {counts['limited']} more matched and are not among them\n"


def test_a_tracer_that_does_not_read_holds_up_nobody(installed: Host) -> None:
    plain = installed.program()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect(str(installed.socket))
        silent.sendall(b'{"command": "trace", "filter": {"limit": 10000}}\n')
        reading = installed.trace("src", "203.0.113.7", "--json", "--limit", "10000")
        frame = installed.frame("203.0.113.7", 1)
        begin = time.monotonic()
        for _ in range(20):
            installed.send(*[frame] * 500)
            assert installed.ctl("status", "--json").returncode == 0
        took = (time.monotonic() - begin) / 20
        assert took < 2, f"a status beside it took {took:.1f} s"
        assert len(reading.events(100)) == 100
        reading.process.kill()
        reading.process.communicate()
    until(lambda: installed.program() == plain, 10)


@pytest.mark.parametrize("rubbish", [b"\n", b"\xff" * 100_000, b'{"command": "status"}\n'])
def test_rubbish_in_the_middle_of_a_stream(installed: Host, rubbish: bytes) -> None:
    plain = installed.program()
    with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as answers:
        client.connect(str(installed.socket))
        client.sendall(b'{"command": "trace", "filter": {"src": "203.0.113.7"}}\n')
        assert json.loads(answers.readline()) == {"ok": True, "result": {"tracing": True}}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(rubbish)
        with contextlib.suppress(ConnectionResetError):
            last = json.loads(answers.readlines()[-1])
            assert "nothing may be sent" in last["error"]
    until(lambda: installed.program() == plain)


@pytest.mark.parametrize(
    "wanted",
    [
        {"src": "nonsense"},
        {"src": 7},
        {"dst": "192.0.2.0/33"},
        {"sport": 0},
        {"dport": 65536},
        {"dport": "80"},
        {"dport": True},
        {"protocol": "tcq"},
        {"protocol": 0},
        {"protocol": []},
        {"verdicts": "drop"},
        {"verdicts": [[]]},
        {"verdicts": ["dropped"]},
        {"limit": 0},
        {"limit": 10**9},
        {"snap": 1},
        [],
        None,
    ],
)
def test_filters_that_are_refused(wanted: object) -> None:
    with pytest.raises(Vc5Error):
        Wanted.of(wanted)


def test_a_capture_file(installed: Host) -> None:
    """Before and after, with what was decided; as tcpdump reads it."""
    capture = installed.directory / "trace.pcapng"
    tracing = installed.trace("dst", VIP, "--count", "3", "--pcap", str(capture))
    long = installed.frame("203.0.113.7", 1) + bytes(600)
    frames = [installed.frame("203.0.113.7", 4711), installed.frame("203.0.113.7", 1, dport=81), long]
    installed.send(*frames)
    out, _ = tracing.process.communicate(timeout=10)
    assert out == ""
    packets = read_pcapng(capture.read_bytes())
    assert [interface for interface, *_ in packets] == [0, 1, 0, 0, 1], "a dropped one has no after"
    assert packets[0][1] == frames[0]
    assert packets[1][1][12:] != b""
    assert packets[1][1][-48:] == frames[0][-48:]
    assert "dropped, drop_unknown_port" in packets[2][3]
    assert "verdict   sent back out" in packets[0][3] == packets[1][3]
    assert (len(packets[3][1]), packets[3][2]) == (256, len(long)), "what is cut is said to be"
    if shutil.which("tcpdump") is None:
        pytest.skip("needs tcpdump")
    told = output("tcpdump", "-nn", "-e", "-r", str(capture))
    lines = [line for line in told.splitlines() if " > " in line]
    assert len(lines) == 5
    assert f"203.0.113.7.4711 > {VIP}.80: Flags [S]" in lines[0]
    assert f"length {len(long)}" in lines[3]


def read_pcapng(raw: bytes) -> list[tuple[int, bytes, int, str]]:
    """The packets: interface, bytes, length of the frame, comment."""
    packets, at = [], 0
    while at < len(raw):
        kind, length = struct.unpack_from("<II", raw, at)
        assert struct.unpack_from("<I", raw, at + length - 4) == (length,)
        if kind == 6:
            interface, _, _, captured, whole = struct.unpack_from("<5I", raw, at + 8)
            options = at + 28 + -(-captured // 4) * 4
            code, size = struct.unpack_from("<HH", raw, options)
            assert code == 1
            said = raw[options + 4 : options + 4 + size].decode()
            packets.append((interface, raw[at + 28 : at + 28 + captured], whole, said))
        at += length
    return packets
