"""Step e: a change of configuration, rolled out by site.yml under load."""

from __future__ import annotations

import re
import time
from collections import Counter

from lab import expect

from fleet.controller import Play
from fleet.plan import NAMES_OF_REALS
from fleet.site import EVERYONE, Site

DRAINED = "10.1.10.12"
FIRST_PORT = 26000


def change(site: Site) -> None:
    report, name = site.report, NAMES_OF_REALS[DRAINED]
    report.step("e", f"In config.yaml {name} drains: site.yml under load")
    config, before = site.controller.config.read_text(), site.digests()
    site.controller.config.write_text(re.sub(rf"\b{re.escape(DRAINED)}\b", f"{DRAINED}*", config, count=1))
    with site.load(FIRST_PORT) as (load, _):
        time.sleep(1)
        play = site.controller.play("site.yml", "--diff")
        live = time.monotonic()
        time.sleep(5)
    report.check(
        play.code == 0 and _touched(play) == set(EVERYONE),
        f"{play.seconds:.0f} s, {play.total('changed')} changes, on {', '.join(sorted(_touched(play)))}",
        play.troubles,
    )
    plan = [line.strip(" '-") for line in play.said.splitlines() if re.search(r"slots? |drain", line)]
    report.fact(f"the plan that --diff showed: {plan[0][:100] if plan else 'none'}")
    digests = site.digests()
    report.check(
        len(digests) == 1 and digests != before,
        f"another document, the same on all {len(EVERYONE)}",
        str(digests),
    )
    counts = Counter(answer.real for answer in load.new_since(live))
    report.check(
        counts[name] == 0 and counts.total() > 0,
        f"of {counts.total()} new connections since then {counts[name]} went to {name}",
    )
    site.judge_load(load, "meanwhile")
    site.controller.config.write_text(config)
    back = site.controller.play("site.yml", "--limit", "load_balancers")
    document = expect.load(site.balancers[0].root / "etc/vc5/config.json")
    report.check(
        back.code == 0 and site.digests() == before == {document["digest"]},
        f"the old config.yaml again, by --limit load_balancers: {back.seconds:.0f} s, and the same digest as"
        " before",
        back.troubles,
    )


def _touched(play: Play) -> set[str]:
    return {host for host, counts in play.recap.items() if counts["changed"]}
