"""The story of `make fleet`: bare hosts become a fleet by the playbooks as they are, which then lives through
what fleets live through.

Each step prints what it does and judges it; a check that does not hold lets the story go on, a fleet that
does not come up ends it. The steps use what a user uses: ansible-playbook, the product's commands, SSH, HTTP.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.plan import CLIENT
from lab.report import Report

from fleet import step_remove, step_site
from fleet.fleet import Fleet
from fleet.plan import BALANCERS, REALS
from fleet.site import Site
from fleet.step_change import change
from fleet.step_operate import operate
from fleet.step_reboot import reboot
from fleet.step_runbooks import runbooks
from fleet.step_secrets import secrets
from fleet.step_serve import serve
from fleet.step_upgrade import break_canary, upgrade

STEPS: dict[str, Callable[[Site], None]] = {
    "c": serve,
    "d": reboot,
    "e": change,
    "f": upgrade,
    "g": break_canary,
    "h": runbooks,
    "i": operate,
    "j": secrets,
}
INTRODUCTION = f"""\
A fleet of hosts that systemd boots, in containers of this machine:

  client ─── router ─┬─ switch ─┬─ {", ".join(host.name for host in BALANCERS)}   VLANs 10 and 20, tagged
  {CLIENT}          │          │
                     └──────────┴─ {", ".join(host.name for host in REALS)}   VLAN 10 or 20, untagged"""


def tell(fleet: Fleet, report: Report, steps: str = "") -> None:
    """All of it, in order, or a, b and the steps of these letters. Raises LabError when it cannot go on."""
    print(INTRODUCTION, flush=True)
    site = step_site.boot(fleet, report)
    before = step_site.install(site)
    for letter, step in STEPS.items():
        if not steps or letter in steps:
            step(site)
    if not steps or "z" in steps:
        step_remove.remove(site, before)
