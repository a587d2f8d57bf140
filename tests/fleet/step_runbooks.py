"""Step h: docs/runbooks.md, word for word. Its blocks marked `runbook` are commands: on the controller where
they play something, otherwise on the load balancer that the text above them names.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

from lab.plan import CLIENT, ROOT

from fleet.site import EVERYONE, Site

RUNBOOKS = ROOT / "docs" / "runbooks.md"
FIRST_PORT = 42000
_PARTS = re.compile(r"^(## [^\n]*)$|^```runbook\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    runbook: str
    host: str  # empty: the controller
    line: str


def runbooks(site: Site) -> None:
    report = site.report
    report.step("h", f"{RUNBOOKS.relative_to(ROOT)}, as written, under load")
    commands, before = list(_commands(RUNBOOKS.read_text())), site.releases()
    with site.load(FIRST_PORT) as (load, _):
        for name in dict.fromkeys(command.runbook for command in commands):
            begin, its = time.monotonic(), [command for command in commands if command.runbook == name]
            wrong = [words for command in its if (words := _run(site, command))]
            took = time.monotonic() - begin
            report.check(not wrong, f"{name}: {len(its)} commands, {took:.0f} s", "; ".join(wrong)[:900])
    site.judge_load(load, f"{CLIENT} meanwhile")
    after = site.releases()
    report.check(
        len(set(after.values())) == 1 and after != before,
        f"the rollback went from release {before[EVERYONE[0]]} to {after[EVERYONE[0]]} on all",
        str(after),
    )
    site.wait_ways(EVERYONE, 30)
    report.check(len(site.digests()) == 1, f"{len(EVERYONE)} ways and one document afterwards")
    _fail(site)


def _fail(site: Site) -> None:
    """A rollback to a version that BIRD does not accept, found when the package is exchanged already."""
    name, before = EVERYONE[0], site.releases()
    kept = site.box(name).root / "var/lib/vc5-fleet/previous/bird.conf"
    config = kept.read_bytes()
    kept.write_text("no configuration\n")
    with site.load(FIRST_PORT + 6000) as (load, _):
        play = site.controller.play("rollback.yml")
        time.sleep(1)
    kept.write_bytes(config)
    said = " ".join(play.said.rpartition("msg: ")[2].partition("PLAY RECAP")[0].split()).lstrip("|>-' ")
    site.report.check(
        play.code != 0 and site.releases() == before and f"{name} failed with previous" in said,
        f"a rollback that fails on {name} goes back and stops: {said[:140]}…",
        play.said[-600:],
    )
    drained = json.loads(site.box(name).output("vc5ctl", "drains", "--json"))
    took = site.wait_ways(EVERYONE, 30)
    site.report.check(
        not drained and len(site.digests()) == 1,
        f"{name} is not drained; {len(EVERYONE)} ways and one document"
        + (f", after {took:.1f} s more" if took > 1 else ""),
        str(drained),
    )
    site.judge_load(load, f"{CLIENT} meanwhile")


def _commands(text: str) -> Iterator[Command]:
    runbook, host, end = "First of all", EVERYONE[0], 0
    for part in _PARTS.finditer(text):
        named = [name for name in re.findall(r"\blb\d\b", text[end : part.start()]) if name in EVERYONE]
        host, end = named[-1] if named else host, part.end()
        if part.group(1):
            runbook = part.group(1).removeprefix("## ")
            continue
        for line in part.group(2).splitlines():
            yield Command(runbook, "" if "ansible-playbook" in line else host, line)


def _run(site: Site, command: Command) -> str:
    """What went wrong; nothing, if all is well."""
    if command.host:
        done = site.box(command.host).run("bash", "-c", command.line, check=False)
    else:
        done = subprocess.run(
            ["bash", "-c", command.line],
            cwd=ROOT,
            env=site.controller.environment | {"INVENTORY": str(site.controller.inventory)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0:
        return ""
    said = "\n".join([done.stdout.strip(), done.stderr.strip()]).strip()
    return f"{command.host or 'controller'}: `{command.line}` ended with {done.returncode}: {said[-400:]}"
