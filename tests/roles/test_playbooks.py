"""The playbooks without a host: what Ansible makes of them, of the inventory and of the collection."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

TREE = Path(__file__).parents[2]
BIN = TREE / ".venv" / "bin"
PLAYBOOKS = sorted(path.name for path in TREE.glob("*.yml") if path.name != "galaxy.yml")

pytestmark = pytest.mark.skipif(not (BIN / "ansible-playbook").exists(), reason="needs Ansible: make setup")


def ansible(*words: str | Path, cwd: Path = TREE, **environment: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | environment
    env["PATH"] = f"{BIN}:{env['PATH']}"
    command = [BIN / words[0], *words[1:]]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_every_playbook_is_one() -> None:
    assert set(PLAYBOOKS) >= {
        "site.yml",
        "upgrade.yml",
        "drain.yml",
        "undrain.yml",
        "rollback.yml",
        "verify.yml",
    }
    ansible("ansible-playbook", "-i", "inventories/example", "--syntax-check", *PLAYBOOKS)


def test_the_inventory_is_hosts_and_nothing_else() -> None:
    """config.yaml lies beside hosts.yml, and is none of Ansible's business."""
    said = json.loads(ansible("ansible-inventory", "-i", "inventories/example", "--list"))
    groups = {"_meta", "all", "ungrouped", "load_balancers", "real_servers", "routers"}
    assert set(said) <= groups
    assert set(said) >= {"load_balancers", "real_servers"}
    assert said["_meta"]["hostvars"]["lb1"]["vc5_interfaces"] == ["eth0"]


def test_the_collection_is_whole(tmp_path: Path) -> None:
    version = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["version"]
    assert yaml.safe_load((TREE / "galaxy.yml").read_text())["version"] == version
    ansible("ansible-galaxy", "collection", "build", "--output-path", tmp_path)
    (made,) = tmp_path.glob("vc5-loadbalancer-*.tar.gz")
    alone = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "c")}  # one among the user's own would do for both
    ansible("ansible-galaxy", "collection", "install", "--offline", "-p", tmp_path / "c", made, **alone)
    for playbook in PLAYBOOKS:
        name = f"vc5.loadbalancer.{playbook.removesuffix('.yml')}"
        hosts = TREE / "inventories/example/hosts.yml"
        said = ansible("ansible-playbook", "-i", hosts, "--list-tasks", name, cwd=tmp_path, **alone)
        assert "play #1" in said
