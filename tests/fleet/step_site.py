"""Steps a and b: bare hosts; site.yml makes a fleet of them, and changes nothing when it is played again."""

from __future__ import annotations

import time
from typing import Any

from lab.host import LabError
from lab.plan import CLIENT, VIP
from lab.report import Report

from fleet import compare, web
from fleet.controller import Controller, Play
from fleet.fleet import Fleet
from fleet.plan import MACHINES
from fleet.site import Site

Snapshots = dict[str, Any]
_PRODUCT = ("vc5d", "vc5ctl", "bird")


def boot(fleet: Fleet, report: Report) -> Site:
    report.step("a", f"Boot {len(MACHINES)} bare hosts")
    took = fleet.build()
    site = Site(fleet, Controller(fleet.names), report)
    site.controller.vault.seal("vault_bird_password", "vault_vc5_console_token")
    release = site.balancers[0].output("sh", "-c", ". /etc/os-release; echo $PRETTY_NAME").strip()
    packages = len(site.balancers[0].output("dpkg-query", "--show").splitlines())
    report.fact(f"{release}, {packages} packages; they have what an installer leaves, and SSH")
    report.check(True, f"all are up and answer by SSH after {took:.1f} s")
    words = " || ".join(f"command -v {name}" for name in _PRODUCT)
    with_product = [
        box.name for box in fleet.boxes.values() if not box.run("sh", "-c", words, check=False).returncode
    ]
    report.check(not with_product, f"none has {', '.join(_PRODUCT)}", ", ".join(with_product))
    web.install(site.reals)
    report.fact(f"on {', '.join(box.name for box in site.reals)} a web server runs, of whoever has them")
    return site


def install(site: Site) -> Snapshots:
    """What the hosts were before, for the last step."""
    report = site.report
    report.step("b", "site.yml, twice")
    before = compare.snapshots(site.fleet)
    tried = site.controller.play("site.yml", "--check", "--diff")
    _say(site, "site.yml --check --diff on bare hosts", tried)
    touched = compare.differences(before, compare.snapshots(site.fleet))
    report.check(not touched, "and it touched nothing on any", "; ".join(touched[:5]))
    begin = time.monotonic()
    first = site.controller.play("site.yml")
    _say(site, "site.yml", first)
    if first.code:
        raise LabError(f"site.yml failed: {first.troubles}")
    _first_request(site, begin)
    second = site.controller.play("site.yml")
    _say(site, "site.yml again", second)
    changed = {host: counts["changed"] for host, counts in second.recap.items() if counts["changed"]}
    report.check(not changed, f"changed=0 on all {len(second.recap)} hosts", f"{changed}: {second.troubles}")
    again = site.controller.play("site.yml", "--check", "--diff")
    report.check(
        again.code == 0 and not again.total("changed"),
        f"site.yml --check on the running fleet: {again.total('changed')} changes, {again.seconds:.0f} s",
        again.troubles,
    )
    return before


def _say(site: Site, words: str, play: Play) -> None:
    site.report.check(
        play.code == 0,
        f"{words}: {play.seconds:.0f} s, {play.total('ok')} tasks, {play.total('changed')} changes",
        play.troubles,
    )


def _first_request(site: Site, begin: float) -> None:
    answer = site.ask([19000])[0]
    took = time.monotonic() - begin
    site.report.check(
        bool(answer.real),
        f"{CLIENT} asked http://{VIP}/: {answer.real} answered, {took:.0f} s after site.yml began",
        answer.error,
    )
