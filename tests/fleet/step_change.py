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
    _refused(site, before)
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
    plan = _plan(play)
    report.check(
        bool(plan) and "slots" not in _differences(play),
        f"what --diff showed of the document is the plan: {plan[0][:100] if plan else 'none'}",
    )
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


def _refused(site: Site, before: set[str]) -> None:
    """Seen first by --check --diff, then refused: without a service all its connections are at risk."""
    config = site.controller.config.read_text()
    site.controller.config.write_text(
        re.sub(r"\n  - name: api\n.*?(?=\n  - name)", "", config, flags=re.DOTALL)
    )
    only = ("--limit", "load_balancers", "--tags", "vc5_document")
    checked = site.controller.play("site.yml", "--check", "--diff", *only)
    plan = _plan(checked)
    site.report.check(
        checked.code == 0 and _touched(checked) == set(EVERYONE) and bool(plan) and site.digests() == before,
        f"a service less: --check --diff changes nothing, and says: {plan[0][:90] if plan else 'nothing'}",
        checked.troubles,
    )
    refused = site.controller.play("site.yml", *only, "-e", "vc5_fail_above=1")
    said = refused.said.rpartition("msg: ")[2].partition("PLAY RECAP")[0]
    site.report.check(
        refused.code != 0 and "vc5_fail_above" in said and site.digests() == before,
        f"vc5_fail_above=1 refuses it: {' '.join(said.split())[:150]}",
        refused.said[-600:],
    )
    site.controller.config.write_text(config)


def _plan(play: Play) -> list[str]:
    """What it says of slots and connections."""
    lines = (line.strip(" '-") for line in play.said.splitlines())
    return [line for line in lines if re.search(r"slots move|connections at risk|drains", line)]


def _differences(play: Play) -> str:
    """Lines that Ansible itself showed as old and new."""
    return "\n".join(line for line in play.said.splitlines() if re.match(r"[-+][^-+]", line))


def _touched(play: Play) -> set[str]:
    return {host for host, counts in play.recap.items() if counts["changed"]}
