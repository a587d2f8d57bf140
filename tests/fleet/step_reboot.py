"""Step d: hosts reboot. What the roles set up is there again, with nobody's help."""

from __future__ import annotations

import contextlib
import time

from lab.host import LabError, wait_until
from lab.plan import VIP

from fleet.site import EVERYONE, Site

BALANCER, REAL, ROUTER = "lb2", "web3", "router"
FIRST_PORT = 22000


def reboot(site: Site) -> None:
    report = site.report
    report.step("d", f"Reboot {BALANCER}, then {REAL} and the router")
    digest = site.status(site.box(BALANCER)).digest
    with site.load(FIRST_PORT) as (load, watch):
        time.sleep(1)
        took = _reboot(site, BALANCER)
        site.wait_ways(EVERYONE, 60)
        back = time.monotonic()
        time.sleep(2)
    left = next(moment for moment, found in watch.seen if BALANCER not in found)
    report.check(
        site.status(site.box(BALANCER)).digest == digest,
        f"{BALANCER} is up {took:.1f} s after it was told to reboot; the router went without it for"
        f" {back - left:.1f} s, and its vc5d runs the same document",
    )
    site.judge_load(load, "under load meanwhile")
    for name in (REAL, ROUTER):
        took = _reboot(site, name)
        report.fact(f"{name} is up after {took:.1f} s")
    on_loopback = site.box(REAL).output("ip", "-brief", "address", "show", "dev", "lo")
    ignores = site.box(REAL).output("cat", "/proc/sys/net/ipv4/conf/all/arp_ignore").strip()
    report.check(
        f"{VIP}/32" in on_loopback and ignores == "1",
        f"{REAL} has {VIP} on its loopback again, and answers no ARP for it",
        on_loopback,
    )
    site.wait_ways(EVERYONE, 60)
    accepting = len(site.table().reals)
    _wait_accepting(site, accepting)
    answers = site.ask(range(FIRST_PORT + 6000, FIRST_PORT + 6100))
    right = sum(answer.real == site.real_of(answer.source_port) for answer in answers)
    report.check(
        right == len(answers),
        f"the router has {len(EVERYONE)} ways again; {right} of {len(answers)} new connections are where the"
        " table has them",
        "; ".join(answer.error for answer in answers if answer.error)[:200],
    )


def _reboot(site: Site, name: str) -> float:
    box, begin = site.box(name), time.monotonic()
    boot = box.boot_id()
    with contextlib.suppress(LabError):  # the connection ends with the host
        site.fleet.ssh(name, "systemctl reboot")
    box.wait_up(other_than=boot)
    return time.monotonic() - begin


def _wait_accepting(site: Site, count: int) -> None:
    wait_until(
        "all real servers accept on every load balancer",
        lambda: all(len(site.status(box).states("accepting")) == count for box in site.balancers),
        60,
        every=0.5,
    )
