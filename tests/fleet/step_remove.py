"""The last step: remove.yml leaves nothing."""

from __future__ import annotations

import re
from collections import Counter

from fleet import compare
from fleet.site import Site

# A purged dbus leaves its user, as Debian's policy has it; `ip` and `tc` make directories for BPF objects;
# systemd waits for the network once somebody wants that.
_OTHERS = re.compile(
    r" (user|group) came messagebus:|pin came /sys/fs/bpf/(ip|xdp|tc|tc/globals)$|-wait-online\."
)


def remove(site: Site, before: compare.Snapshots) -> None:
    report = site.report
    report.step("z", "remove.yml")
    play = site.controller.play("remove.yml", "-e", "vc5_remove=yes")
    report.check(
        play.code == 0, f"remove.yml: {play.seconds:.0f} s, {play.total('changed')} changes", play.troubles
    )
    differ = compare.differences(before, compare.snapshots(site.fleet))
    left = [line for line in differ if not _OTHERS.search(line)]
    kinds = Counter(line.split()[1] for line in left)
    compared = ", ".join(
        f"{sum(len(host[kind]) for host in before.values())} {kind}s" for kind in next(iter(before.values()))
    )
    report.fact(f"compared with the bare hosts: {compared}")
    report.check(not left, "nothing is left on any host, and nothing is missing", f"{dict(kinds)}")
    for line in left[:40]:
        report.fact(line)
