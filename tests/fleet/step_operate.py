"""Step i: drain, undrain and verify, each as an operator would."""

from __future__ import annotations

import time

from fleet import bundles
from fleet.site import EVERYONE, Site

DRAINED, BROKEN = EVERYONE[2], EVERYONE[1]
FIRST_PORT = 52000


def operate(site: Site) -> None:
    report = site.report
    report.step("i", "drain.yml, undrain.yml, verify.yml")
    others = [name for name in EVERYONE if name != DRAINED]
    with site.load(10000) as (load, _):
        time.sleep(1)
        drained = site.controller.play("drain.yml", "--limit", DRAINED)
        ways = site.ways()
        before = site.status(site.box(DRAINED)).packets()
        time.sleep(2)
        still = site.status(site.box(DRAINED)).packets() - before
        report.check(
            drained.code == 0 and ways == others,
            f"drain.yml --limit {DRAINED}: {drained.seconds:.0f} s; the router's ways: {', '.join(ways)}",
            drained.troubles,
        )
        report.check(still == 0, f"{still} packets came to {DRAINED} within 2 s after that")
        back = site.controller.play("undrain.yml", "--limit", DRAINED)
        ways = site.ways()
        report.check(
            back.code == 0 and ways == EVERYONE,
            f"undrain.yml: {back.seconds:.0f} s; the router's ways: {', '.join(ways)}",
            back.troubles,
        )
        time.sleep(1)
    site.judge_load(load, "meanwhile")
    _verify(site)


def _verify(site: Site) -> None:
    report = site.report
    well = site.controller.play("verify.yml")
    report.check(well.code == 0, f"verify.yml: {well.seconds:.0f} s, all is well", well.troubles)
    site.box(BROKEN).run("systemctl", "stop", "bird")
    others = [name for name in EVERYONE if name != BROKEN]
    site.wait_ways(others, 20)
    ill = site.controller.play("verify.yml")
    failed = [host for host, counts in ill.recap.items() if counts["failed"]]
    report.check(
        ill.code != 0 and BROKEN in failed,
        f"with BIRD stopped on {BROKEN} it fails on {', '.join(failed)}",
        ill.said[-500:],
    )
    before, bundle = site.releases(), bundles.another(site.fleet.names.state / "bundles", "a third release")
    began = site.controller.play("upgrade.yml", "-e", f"vc5_bundle={bundle}", "-e", "vc5_gate_seconds=5")
    report.check(
        began.code != 0 and not began.total("changed") and site.releases() == before,
        f"and upgrade.yml does not begin: {began.seconds:.0f} s, nothing changed",
        began.troubles,
    )
    site.box(BROKEN).run("systemctl", "start", "bird")
    took = site.wait_ways(EVERYONE, 30)
    report.fact(f"BIRD started again: {len(EVERYONE)} ways after {took:.1f} s")
