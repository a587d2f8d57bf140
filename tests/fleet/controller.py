"""Whoever manages the fleet: `ansible-playbook`, run as a user runs it, and what it said."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.host import LabError
from lab.plan import COMMANDS, ROOT

from fleet import inventory
from fleet.plan import FleetNames
from fleet.vault import Vault

_RECAP = re.compile(r"^(\S+)\s+: (ok=\d+ .*)$", re.MULTILINE)
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*?)\] \**$", re.MULTILINE)


@dataclass(frozen=True)
class Play:
    """What came of a playbook. recap: by host, `changed` and the like to a count."""

    code: int
    said: str
    seconds: float
    recap: Mapping[str, Mapping[str, int]]

    def total(self, what: str) -> int:
        return sum(counts.get(what, 0) for counts in self.recap.values())

    @property
    def troubles(self) -> str:
        """For a person: what failed, or what changed."""
        lines = self.said.splitlines()
        failed = [line for line in lines if re.match(r"(fatal|failed|ERROR|\[ERROR)", line)]
        task, changed = "", []
        for line in lines:
            if found := _TASK.match(line):
                task = found.group(1)
            elif line.startswith("changed: "):
                changed.append(f"{task}: {line[9:]}")
        return "; ".join([*failed[:3], *changed[:3]])[:900]


class Controller:
    def __init__(self, names: FleetNames) -> None:
        self.names = names
        self.inventory = inventory.write(names)
        self.config = self.inventory / "config.yaml"
        self.vault = Vault(self.inventory, names.state / "vault-password")
        self.logs = names.state / "logs"
        self.logs.mkdir(exist_ok=True)
        self._count = 0

    def play(self, playbook: str | Path, *options: str) -> Play:
        """`playbook`: a path in the tree. A failure is in the result; LabError: nothing could be played."""
        begin = time.monotonic()
        process = self._start(playbook, *options)
        assert process.stdout is not None
        timed = [(time.monotonic() - begin, line) for line in process.stdout]
        code = process.wait()
        return self._result(playbook, code, timed, time.monotonic() - begin)

    def _start(self, playbook: str | Path, *options: str) -> subprocess.Popen[str]:
        words: list[str | Path] = [
            COMMANDS / "ansible-playbook",
            "-i",
            self.inventory,
            ROOT / playbook,
            *options,
        ]
        return subprocess.Popen(
            words,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def environment(self) -> dict[str, str]:
        """A user's own settings must not reach the story; facts are the fleet's, not another one's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        password_file = self.vault.password_file
        vault = {"ANSIBLE_VAULT_PASSWORD_FILE": str(password_file)} if password_file.exists() else {}
        return (
            kept
            | vault
            | {
                "PATH": f"{COMMANDS}:{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_HOME": str(self.names.state / "ansible"),
                "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.names.state / "facts"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_NOCOWS": "1",
            }
        )

    def _result(
        self, playbook: str | Path, code: int, timed: list[tuple[float, str]], seconds: float
    ) -> Play:
        """Its log has the seconds before each line."""
        self._count += 1
        name, said = Path(playbook).stem, "".join(line for _, line in timed)
        log = self.logs / f"{self._count:02d}-{name}.log"
        log.write_text("".join(f"{moment:6.1f} {line}" for moment, line in timed))
        recap = {
            host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)}
            for host, counts in _RECAP.findall(said)
        }
        if not recap:
            raise LabError(f"{name}: nothing was played, see {log}:\n{said[-2000:]}")
        return Play(code, said, seconds, recap)
