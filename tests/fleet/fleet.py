"""The fleet as a whole: all its hosts, from bare ones up."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from lab.host import run, wait_until

from fleet import topology
from fleet.image import Image
from fleet.machine import Box
from fleet.plan import CONTROLLER, MACHINES, FleetNames


class Fleet:
    """`build` and all that waits raise LabError."""

    def __init__(self, names: FleetNames, release: str) -> None:
        self.names, self.image = names, Image(release)
        self.boxes = {machine.name: Box(names, machine, self.image) for machine in MACHINES}

    def build(self) -> float:
        """Bare hosts that are up and answer by SSH; the seconds from power-on to that."""
        self.image.make()
        self.names.state.mkdir(mode=0o755, exist_ok=True)  # a cache of facts may be there before
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.names.lab, "-f", self.names.key])
        topology.build(self.names)
        begin = time.monotonic()
        for box in self.boxes.values():
            box.prepare()
            box.boot()
        for box in self.boxes.values():
            box.wait_up()
        self.wait_ssh(self.boxes.values())
        return time.monotonic() - begin

    def wait_ssh(self, boxes: Iterable[Box]) -> float:
        """Seconds until each has a listening SSH server."""

        def listens(box: Box) -> bool:
            return bool(box.run("ss", "-Hltn", "sport = :22", check=False).stdout)

        return wait_until("SSH servers listen", lambda: all(map(listens, boxes)), 60, 0.2)

    def ssh(self, machine: str, command: str) -> str:
        """As whoever manages the fleet does."""
        options: list[str | Path] = [
            "-i",
            self.names.key,
            "-o",
            f"UserKnownHostsFile={self.names.known_hosts}",
            "-o",
            "BatchMode=yes",
        ]
        address = self.boxes[machine].machine.management
        return run(["ssh", *options, f"root@{address}", command], netns=self.names.netns(CONTROLLER))
