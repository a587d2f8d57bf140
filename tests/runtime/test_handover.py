"""The file descriptor store and the question whether this is a restart, against a manager that speaks
systemd's own words: a socket that takes notifications, and a `systemctl` that answers."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5d.systemd import fdstore, handover

UNIT = "vc5d.service"


class Manager:
    """What it was told, in order. It keeps what it shall store, and answers barriers while `reads`."""

    def __init__(self, directory: Path) -> None:
        self.told: list[str] = []
        self.kept: list[int] = []
        self.reads = True
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(directory / "notify"))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 4)
            if data == b"end":
                return
            self.told.append(data.decode())
            if data.startswith(b"FDSTORE=1"):
                self.kept += descriptors
            elif self.reads:
                for each in descriptors:
                    os.close(each)

    def close(self, directory: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", str(directory / "notify"))
        self._thread.join()
        self._socket.close()
        for each in self.kept:
            os.close(each)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    cgroup = tmp_path / "cgroup"
    cgroup.write_text(f"1:name=systemd:/system.slice/{UNIT}\n0::/system.slice/{UNIT}\n")
    monkeypatch.setattr(handover, "_CGROUP", cgroup)
    monkeypatch.setattr(handover.own_unit, "__defaults__", (cgroup,))
    yield made
    made.close(tmp_path)


def systemctl(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = directory / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def answers(job: str, kept: int) -> str:
    return f"case $1 in list-jobs) {job} ;; show) echo {kept} ;; esac"


RESTART = f"echo '7 {UNIT} restart running'"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (answers(RESTART, 1), True),
        (answers(f"echo '7 {UNIT} stop running'", 1), False),
        (answers("true", 1), False),
        (answers(RESTART, 0), False),
        ("echo 'no bus' >&2; exit 1", False),
        ("exec sleep 60", False),
    ],
    ids=["restart", "stop", "no-job", "not-kept", "no-bus", "no-answer"],
)
def test_only_a_restart_that_is_kept_counts(
    script: str, expected: bool, manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_PATIENCE", 1.0)
    systemctl(tmp_path, monkeypatch, script)
    ours, theirs = socket.socketpair()
    begin = time.monotonic()
    assert asyncio.run(handover.hand_over(ours.fileno())) is expected
    assert time.monotonic() - begin < 3
    if expected:
        store, barrier = manager.told
        assert store.splitlines() == ["FDSTORE=1", "FDNAME=tun", "FDPOLL=0"]
        assert barrier == "BARRIER=1"
        ours.close()
        os.write(manager.kept[0], b"x")
        assert theirs.recv(1) == b"x", "it lives on in the manager"
    theirs.close()
    ours.close()


def test_without_systemd_it_is_a_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemctl(tmp_path, monkeypatch, answers(RESTART, 1))
    assert asyncio.run(handover.hand_over(0)) is False


def test_a_manager_that_does_not_read_is_not_waited_for(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fdstore, "_BARRIER", 0.2)
    manager.reads = False
    assert fdstore.barrier() is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"0::/system.slice/{UNIT}\n", UNIT),
        (f"3:cpu:/\n1:name=systemd:/payload/system.slice/{UNIT}\n", UNIT),
        ("0::/user.slice/session-3.scope\n", None),
        (f"2:cpu:/system.slice/{UNIT}\n", None),
        ("", None),
    ],
)
def test_the_unit_that_a_process_is_in(text: str, expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text(text)
    assert handover.own_unit(tmp_path / "cgroup") == expected


TAKES = """
import os, sys
from vc5d.systemd import fdstore
if sys.argv[1] == "mine":
    os.environ["LISTEN_PID"] = str(os.getpid())
found = fdstore.take("tun")
print(found, found is not None and os.get_inheritable(found), "LISTEN_FDS" in os.environ)
for each in (3, 4):
    try:
        os.fstat(each); print(each)
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    ("whose", "names", "expected"),
    [
        ("mine", "other:tun", ["4 False False", "4"]),
        ("mine", "other:else", ["None False False"]),
        ("another's", "other:tun", ["None False False", "3", "4"]),
    ],
)
def test_what_is_taken_out(whose: str, names: str, expected: list[str], manager: Manager) -> None:
    """In a process of its own, since descriptors 3 and 4 are meant."""
    with open("/dev/null") as one, open("/dev/null") as other:  # noqa: PTH123
        command = f"exec {sys.executable} -c '{TAKES}' \"{whose}\" 3<&{one.fileno()} 4<&{other.fileno()}"
        done = subprocess.run(
            ["bash", "-c", command.replace("'\n", "'", 1)],
            capture_output=True,
            text=True,
            check=True,
            pass_fds=(one.fileno(), other.fileno()),
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": names, "LISTEN_PID": "1"},
        )
    assert done.stdout.splitlines() == expected
    removed = [told for told in manager.told if told.startswith("FDSTOREREMOVE=1")]
    assert len(removed) == (2 if whose == "mine" else 0)
