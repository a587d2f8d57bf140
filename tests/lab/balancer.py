"""A load balancer of the lab: the product's own commands, `vc5d` and BIRD on what `vc5c` wrote."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import bird, switch
from lab.host import LabError, Process, run, start, wait_until
from lab.plan import BUILD, COMMANDS, VIP, Host, Names

SERVICE = f"{VIP}:80:tcp"


@dataclass(frozen=True)
class Status:
    """What `vc5ctl status --json` says, as far as the story needs it."""

    raw: dict[str, Any]

    @property
    def digest(self) -> str:
        return str(self.raw["digest"])

    @property
    def generation(self) -> int:
        return int(self.raw["generation"])

    @property
    def slots(self) -> dict[str, int]:
        """How many are clear, in transition, consult."""
        return {name: int(count) for name, count in self.raw["services"][SERVICE]["slots"].items()}

    @property
    def reals(self) -> dict[str, dict[str, Any]]:
        """By address."""
        return dict(self.raw["services"][SERVICE]["reals"])

    def states(self, state: str) -> set[str]:
        return {address for address, real in self.reals.items() if real["state"] == state}

    def flows(self) -> dict[str, int]:
        return {address: int(real["flows"]) for address, real in self.reals.items()}

    def packets(self) -> int:
        return sum(int(real["packets"]) for real in self.reals.values())


class Balancer:
    def __init__(self, names: Names, host: Host) -> None:
        self.names, self.host = names, host
        self.directory = names.state / host.name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.vc5d: Process | None = None
        self.bird: Process | None = None
        self.more: list[str | Path] = []  # options of vc5d
        self.bird_options: list[str] = []  # of `vc5c --emit bird`

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def netns(self) -> str:
        return self.names.netns(self.name)

    @property
    def document(self) -> Path:
        return self.directory / "config.json"

    @property
    def socket(self) -> Path:
        return self.directory / "vc5d.sock"

    @property
    def pins(self) -> Path:
        return self.names.pins / self.name

    @property
    def options(self) -> list[str | Path]:
        """Of vc5d, which share a host here and so must not share what is one per host by default."""
        options: list[str | Path] = ["--pin", self.pins, "--socket", self.socket]
        options += ["--object", BUILD / "vc5.bpf.o", "--state", self.directory / "state"]
        return options + self.more

    def roll_out(self, document: Path) -> None:
        """Put a document in place of the last one, whole or not at all."""
        new = self.document.with_suffix(".new")
        shutil.copyfile(document, new)
        new.rename(self.document)

    def start_bird(self, config: Path) -> None:
        options = ["--router-id", self.host.address, *self.bird_options]
        options += ["--source", self.host.address, "--source", self.host.address6]
        text = run([COMMANDS / "vc5c", "--emit", "bird", config, *options])
        # The lab's log, not the host's, is where the lab's BIRD belongs.
        text = text.replace("log syslog all;", "log stderr all;")
        self.bird = bird.start_bird(self.names, self.name, text)

    def start_vc5d(self) -> None:
        self.pins.parent.mkdir(exist_ok=True)
        named = ["unshare", "--uts", "sh", "-c", 'echo "$0" >/proc/sys/kernel/hostname; exec "$@"', self.name]
        words = [*named, COMMANDS / "vc5d", *self.options, self.document, "eth0"]
        self.vc5d = start(f"vc5d on {self.name}", words, self.directory / "vc5d.log", self.netns)

    def wait_vc5d(self) -> float:
        """Seconds until it answers its operator. Raises LabError with its last words if it ends instead."""

        def answers() -> bool:
            assert self.vc5d is not None
            if not self.vc5d.alive():
                raise LabError(f"vc5d on {self.name} ended:\n{self.vc5d.last_words()}")
            try:
                return bool(self.status().reals)
            except (LabError, KeyError, ValueError):
                return False

        return wait_until(f"vc5d on {self.name} answers", answers, 60, every=0.1)

    def status(self) -> Status:
        return Status(json.loads(run([COMMANDS / "vc5ctl", "--socket", self.socket, "status", "--json"])))

    def reload(self) -> None:
        assert self.vc5d is not None
        self.vc5d.kill(signal.SIGHUP)

    def attached(self) -> str:
        """How XDP sits on the trunk, as the kernel says: native, generic, offloaded or none."""
        link = json.loads(run(["ip", "-n", self.netns, "-json", "link", "show", "eth0"]))[0]
        mode = link.get("xdp", {}).get("mode", 0)
        return {1: "native", 2: "generic", 3: "offloaded"}.get(mode, "none")

    def die(self) -> None:
        """As if its power had failed: the cable is dead, nothing runs any more, nothing is in memory."""
        switch.cut(self.names, self.name)
        for process in (self.vc5d, self.bird):
            assert process is not None
            process.kill()
        shutil.rmtree(self.pins)

    def revive(self, config: Path) -> None:
        switch.plug(self.names, self.name)
        self.start_bird(config)
        self.start_vc5d()
