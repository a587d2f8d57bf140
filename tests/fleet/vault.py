"""What the site keeps secret, by Ansible's Vault: new in each story, and looked for in all that is said."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

from lab.host import run
from lab.plan import COMMANDS


class Vault:
    def __init__(self, inventory: Path, password_file: Path) -> None:
        self._file = inventory / "group_vars/load_balancers/vault.yml"
        self.password_file = password_file
        self._now: dict[str, str] = {}
        self._ever: set[str] = set()

    def seal(self, *names: str) -> None:
        """A new secret for each of these variables, beside those that there are."""
        if not self.password_file.exists():
            self.password_file.write_text(self._new())
        self._now |= {name: self._new() for name in names}
        self._file.write_text(json.dumps(self._now))  # which is YAML
        command: list[str | Path] = [
            COMMANDS / "ansible-vault",
            "encrypt",
            "--vault-password-file",
            self.password_file,
        ]
        run([*command, self._file])

    def _new(self) -> str:
        found = secrets.token_hex(32)
        self._ever.add(found)
        return found

    def __getitem__(self, name: str) -> str:
        return self._now[name]

    def leaks(self, directories: list[Path]) -> Iterator[Path]:
        """Files below these that have any of the secrets that ever were."""
        for file in (each for directory in directories for each in directory.rglob("*") if each.is_file()):
            content = file.read_bytes()
            if any(secret.encode() in content for secret in self._ever):
                yield file
