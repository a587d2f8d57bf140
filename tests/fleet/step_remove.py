"""The last step: remove.yml leaves nothing."""

from __future__ import annotations

from collections import Counter

from fleet import compare
from fleet.site import Site


def remove(site: Site, before: compare.Snapshots) -> None:
    report = site.report
    report.step("z", "remove.yml")
    play = site.controller.play("remove.yml", "-e", "vc5_remove=yes")
    report.check(
        play.code == 0, f"remove.yml: {play.seconds:.0f} s, {play.total('changed')} changes", play.troubles
    )
    left = compare.differences(before, compare.snapshots(site.fleet))
    kinds = Counter(line.split()[1] for line in left)
    compared = ", ".join(
        f"{sum(len(host[kind]) for host in before.values())} {kind}s" for kind in next(iter(before.values()))
    )
    report.fact(f"compared with the bare hosts: {compared}")
    report.check(not left, "nothing is left on any host, and nothing is missing", f"{dict(kinds)}")
    for line in left[:40]:
        report.fact(line)
