"""Step h: docs/runbooks.md, word for word. Its blocks marked `runbook` are commands: on the controller where
they play something, otherwise on the load balancer that the text above them names.
"""

from __future__ import annotations

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
