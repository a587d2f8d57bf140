"""Steps f and g: an upgrade under load, and one that fails on its canary."""

from __future__ import annotations

import time

from lab.plan import CLIENT

from fleet import bundles
from fleet.site import EVERYONE, Site

CANARY = EVERYONE[0]
FIRST_PORT = 30000


def upgrade(site: Site) -> None:
    report = site.report
    report.step("f", "upgrade.yml under load")
    before = site.releases()
    bundle = bundles.another(site.fleet.names.state / "bundles", "another release")
    with site.load(FIRST_PORT) as (load, watch):
        time.sleep(1)
        play = site.controller.play("upgrade.yml", "-e", f"vc5_bundle={bundle}")
        time.sleep(1)
    after = site.releases()
    changed = sum(before[name] != after[name] for name in EVERYONE)
    report.check(
        play.code == 0 and changed == len(EVERYONE) and len(set(after.values())) == 1,
        f"{play.seconds:.0f} s: {changed} load balancers went from release"
        f" {before[CANARY]} to {after[CANARY]}",
        play.troubles,
    )
    order = watch.left_out(set(EVERYONE))
    report.check(
        sorted(order) == EVERYONE and order[0] == CANARY and watch.fewest == len(EVERYONE) - 1,
        f"one after the other, the canary first: the router went without {', then '.join(order)}, and never"
        f" had fewer than {watch.fewest} ways",
        str([found for _, found in watch.seen]),
    )
    site.judge_load(load, f"{CLIENT} meanwhile")
    _judge_fleet(site)


def break_canary(site: Site) -> None:
    report = site.report
    report.step("g", "upgrade.yml with a package whose vc5d dies")
    before = site.releases()
    bundle = bundles.broken(site.fleet.names.state / "bundles", "broken on purpose")
    with site.load(FIRST_PORT + 6000) as (load, watch):
        time.sleep(1)
        play = site.controller.play("upgrade.yml", "-e", f"vc5_bundle={bundle}")
        time.sleep(1)
    hurt = [host for host, counts in play.recap.items() if counts["failed"] or counts["rescued"]]
    report.check(
        play.code != 0 and hurt == [CANARY],
        f"the play stopped after {play.seconds:.0f} s on {', '.join(hurt) or 'none'}: {_reason(play.said)}",
        play.said[-600:],
    )
    report.check(
        watch.left_out(set(EVERYONE)) == [CANARY],
        f"the router went without {', '.join(watch.left_out(set(EVERYONE))) or 'nobody'} alone",
        str([found for _, found in watch.seen]),
    )
    site.judge_load(load, f"{CLIENT} meanwhile")
    report.check(
        site.releases() == before,
        f"all run release {before[CANARY]} again, {CANARY} too",
        str(site.releases()),
    )
    _judge_fleet(site)


def _judge_fleet(site: Site) -> None:
    took = site.wait_ways(EVERYONE, 30)
    digests = site.digests()
    site.report.check(
        len(digests) == 1,
        f"{len(EVERYONE)} ways and one document afterwards"
        + (f", after {took:.1f} s more" if took > 1 else ""),
        str(digests),
    )


def _reason(said: str) -> str:
    """What the play told whoever watched, last of all."""
    message = said.rpartition("msg: ")[2].partition("\n\n")[0].partition("PLAY RECAP")[0]
    return " ".join(message.replace("|-", "").split())[:170] or "it said nothing"
