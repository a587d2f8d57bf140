"""Load balancers that share: a namespace and a process each, on one bridge. All of it ends with `close`."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef0123456789abcdef-only-a-test"


_numbers = itertools.count()


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class Fleet:
    """Members: 10.77.0.1, …; 2001:db8:77::1, … Each runs `module`."""

    def __init__(self, folder: Path, bpffs: Path, module: str = "tests.sharing.node") -> None:
        self._folder, self._bpffs, self._module = folder, bpffs, module
        self._name = f"vc5-share-{os.getpid()}-{next(_numbers)}"
        self.members: list[Member] = []
        run("ip", "netns", "add", f"{self._name}-net")
        run(
            "ip", "-n", f"{self._name}-net", "link", "add", "bridge0", "type", "bridge", "mcast_snooping", "0"
        )
        run("ip", "-n", f"{self._name}-net", "address", "add", "10.77.0.250/24", "dev", "bridge0")
        run("ip", "-n", f"{self._name}-net", "link", "set", "bridge0", "up")

    def add(self, document: dict[str, Any], secret: str = SECRET, following: str | None = None) -> Member:
        number = len(self.members)
        folder = self._folder / str(number)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(document))
        (folder / "fleet").write_text(secret + "\n")
        if following:
            (folder / "fleet_next").write_text(following + "\n")
        space, net = f"{self._name}-{number}", f"{self._name}-net"
        run("ip", "netns", "add", space)
        run(
            "ip",
            "-n",
            net,
            "link",
            "add",
            f"p{number}",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            space,
        )
        run("ip", "-n", net, "link", "set", f"p{number}", "master", "bridge0", "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"10.77.0.{number + 1}/24", "dev", "eth0"),
            ("address", "add", f"2001:db8:77::{number + 1}/64", "dev", "eth0", "nodad"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", "10.77.0.254"),
        ):
            run("ip", "-n", space, *command)
        member = Member(number, space, self._bpffs / f"{self._name}-{number}", folder, self._module)
        member.net = net
        self.members.append(member)
        member.start()
        return member

    def close(self) -> None:
        for member in self.members:
            member.stop()
            run("ip", "netns", "del", member.space)
        run("ip", "netns", "del", f"{self._name}-net")


class Member:
    def __init__(self, number: int, space: str, pins: Path, folder: Path, module: str) -> None:
        self.number, self.space, self.pins, self.folder = number, space, pins, folder
        self._module = module
        self.net = ""  # the namespace that has the bridge
        self.address = f"10.77.0.{number + 1}"

    def start(self) -> None:
        self.errors = (self.folder / "stderr").open("a")
        command = ["nsenter", f"--net=/run/netns/{self.space}", sys.executable, "-m", self._module]
        self._process = subprocess.Popen(
            [*command, str(self.pins), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            cwd=ROOT,
            text=True,
        )

    def ask(self, *command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, (self.folder / "stderr").read_text()[-3000:]
        return json.loads(line)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def children(self) -> list[int]:
        """Of its process: the one that shares, if it runs."""
        pid = self.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def write(self, document: dict[str, Any]) -> None:
        (self.folder / "config.json").write_text(json.dumps(document))

    def stop(self, kill: bool = False) -> None:
        if kill:
            self._process.kill()
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.errors.close()
        if self.pins.exists():
            for pin in self.pins.iterdir():
                pin.unlink()
            self.pins.rmdir()


def eventually(found: Callable[[], Any], seconds: float = 40) -> Any:
    """The first true answer; the last one if there is none in time."""
    end = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer
