"""The story of `make fleet`: bare hosts become a fleet by the playbooks as they are, which then lives through
what fleets live through.

Each step prints what it does and judges it; a check that does not hold lets the story go on, a fleet that
does not come up ends it. The steps use what a user uses: ansible-playbook, the product's commands, SSH, HTTP.
"""

from __future__ import annotations

from lab.plan import CLIENT
from lab.report import Report

from fleet.controller import Controller
from fleet.fleet import Fleet
from fleet.plan import BALANCERS, REALS

INTRODUCTION = f"""\
A fleet of hosts that systemd boots, in containers of this machine:

  client ─── router ─┬─ switch ─┬─ {", ".join(host.name for host in BALANCERS)}   VLANs 10 and 20, tagged
  {CLIENT}          │          │
                     └──────────┴─ {", ".join(host.name for host in REALS)}   VLAN 10 or 20, untagged"""


def tell(fleet: Fleet, report: Report, steps: str = "") -> None:
    """All of it, in order, or the steps of these letters. Raises LabError when the story cannot go on."""
    print(INTRODUCTION, flush=True)
    boot(fleet, report)


def boot(fleet: Fleet, report: Report) -> Controller:
    report.step("a", "Boot bare hosts")
    fleet.build()
    controller = Controller(fleet.names)
    return controller
