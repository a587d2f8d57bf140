"""What the log looks like: text, JSON in ECS, the journal's datagrams; and who subscribes."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5d import log
from vc5d.events import ecs
from vc5d.systemd import journal

SAY = "from vc5d import log; log.setup({level!r}, {form!r}); {what}"


def said(what: str, form: str = "auto", level: str = "info", **environment: str) -> str:
    """What a process of its own writes to standard error."""
    clean = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
    command = [sys.executable, "-c", SAY.format(level=level, form=form, what=what)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean | environment, check=True)
    return done.stderr


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    import logging

    before = logging.root.handlers, logging.root.level, logging.getLogger("vc5d").level
    yield
    logging.root.handlers = before[0]
    logging.root.setLevel(before[1])
    logging.getLogger("vc5d").setLevel(before[2])


def test_json_is_ecs() -> None:
    what = (
        "log.info('real.down', service='192.168.101.1:80:tcp', real='10.0.0.1', reason='HTTP 503,\\n\"x\"')"
    )
    text = said(what, "json")
    assert text.count("\n") == 1, "one line, whatever the values are"
    found = json.loads(text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["@timestamp"])
    assert found["log.level"] == "info"
    assert found["event.action"] == "real.down"
    assert found["event.category"] == ["network"]
    assert found["event.outcome"] == "failure"
    assert found["event.severity"] == 6
    assert found["event.reason"] == 'HTTP 503,\n"x"'
    assert found["destination.ip"] == "192.168.101.1"
    assert found["destination.port"] == 80
    assert found["network.transport"] == "tcp"
    assert found["server.ip"] == "10.0.0.1"
    assert found["vc5.service"] == "192.168.101.1:80:tcp"
    assert found["host.name"] == socket.gethostname()
    assert found["service.name"] == "vc5d"


def test_json_of_what_a_library_logs() -> None:
    found = json.loads(said("import logging; logging.getLogger('asyncio').warning('slow\\n%s', 1)", "json"))
    assert found["message"] == "slow 1"
    assert found["event.action"] == "library"
    assert found["log.level"] == "warning"


def test_values_that_are_not_what_they_should_be_are_kept() -> None:
    found = ecs.fields("check.trouble", "warning", {"checks": "many", "odd": [1]}, 0.5)
    assert found["vc5.checks"] == "many"
    assert found["vc5.odd"] == "[1]"
    assert found["@timestamp"] == "1970-01-01T00:00:00.500Z"


def test_ipv6_services_and_macs() -> None:
    values = {"service": "2001:db8::1:443:tcp", "mac": "02:00:00:00:10:1a"}
    found = ecs.fields("neighbor.mac", "info", values, 0)
    assert (found["destination.ip"], found["destination.port"]) == ("2001:db8::1", 443)
    assert found["server.mac"] == "02-00-00-00-10-1A"


def test_notice_lies_between_info_and_warning() -> None:
    what = "log.at('notice', 'drain', target='x'); log.info('ready')"
    assert said(what, level="notice").count("\n") == 1
    assert " notice drain target=x" in said(what)
    assert said(what, level="warning") == ""


class Journal:
    """Stands for systemd-journald's socket: a datagram socket that keeps what comes, and says what it was."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(2)
        self.socket.bind(str(path))

    def read(self) -> dict[str, str]:
        """The fields of the next datagram, read by the protocol's own description."""
        raw, fields = self.socket.recv(1 << 20), {}
        while raw:
            line, _, rest = raw.partition(b"\n")
            name, equals, value = line.partition(b"=")
            if not equals:
                length = struct.unpack("<Q", rest[:8])[0]
                value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
            fields[name.decode()], raw = value.decode(), rest
        return fields


@pytest.fixture
def journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    made = Journal(tmp_path / "socket")
    monkeypatch.setattr(journal, "SOCKET", str(tmp_path / "socket"))
    yield made
    made.socket.close()


def test_the_journal_gets_fields(journald: Journal) -> None:
    log.setup("info", "journal")
    log.error("vip.down", vip="192.168.101.1", priority="critical", why="one\ntwo=2")
    found = journald.read()
    assert found["MESSAGE"] == 'vip.down vip=192.168.101.1 priority=critical why="one\\ntwo=2"'
    assert found["PRIORITY"] == "3"
    assert found["SYSLOG_IDENTIFIER"] == "vc5d"
    assert found["VC5_EVENT"] == "vip.down"
    assert found["VC5_VIP"] == "192.168.101.1"
    assert found["VC5_WHY"] == "one\ntwo=2", "a newline does not end a field"


def test_a_journal_that_stands_still_blocks_nothing(journald: Journal) -> None:
    log.setup("info", "journal")
    for number in range(5000):
        log.info("announce", vip=str(number))
    kept = 0
    while (found := journald.read())["VC5_EVENT"] == "announce":
        assert found["VC5_VIP"] == str(kept), "in order"
        kept += 1
        if kept == 2:
            log.info("withdraw", vip="1")  # it takes again
    assert kept > 2
    assert found["MESSAGE"] == f"journal.missed events={5000 - kept}"
    assert journald.read()["VC5_EVENT"] == "withdraw"


def test_without_a_journal_its_stream_is_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.setup("info", "journal")
    import logging

    logging.root.handlers[0]._path = str(tmp_path / "nobody")  # type: ignore[attr-defined]
    log.warning("real.unreachable", real="10.0.0.1", why="no interface")
    assert capsys.readouterr().err == '<4>real.unreachable real=10.0.0.1 why="no interface"\n'


def test_the_journal_is_chosen_by_its_stream(tmp_path: Path) -> None:
    """JOURNAL_STREAM counts only while standard error still is that stream."""
    program = (
        "from vc5d.systemd import journal; import sys; sys.stdout.write(str(journal.is_standard_error()))"
    )
    with (tmp_path / "stream").open("w") as stream:
        at = os.fstat(stream.fileno())
        for named, expected in ((f"{at.st_dev}:{at.st_ino}", "True"), ("1:2", "False")):
            done = subprocess.run(
                [sys.executable, "-c", program],
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                env={**os.environ, "JOURNAL_STREAM": named},
                check=True,
            )
            assert done.stdout == expected


def test_subscribers() -> None:
    heard: list[tuple[str, str]] = []
    everything: list[str] = []

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    log.setup("info", "text")
    ends = [
        log.subscribe(breaks),
        log.subscribe(lambda event, level, values, when: heard.append((event, level))),
        log.subscribe(lambda event, level, values, when: everything.append(event), probes=True),
    ]
    log.info("announce", vip="1")
    log.debug("dataplane.applied", digest="quiet")
    log.probe(service="s", real="r", check="http:80", ok=True, reason="", seconds=0.1)
    log.defect("task.defect", ZeroDivisionError())
    for end in ends:
        end()
    log.info("withdraw", vip="1")
    assert heard == [("announce", "info"), ("task.defect", "error")]
    assert everything == ["announce", "probe", "task.defect"]
