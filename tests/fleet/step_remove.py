"""The last step: remove.yml leaves nothing."""

from __future__ import annotations

import re
from collections import Counter

from lab.host import wait_until

from fleet import compare
from fleet.site import Site

# A purged dbus leaves its user, as Debian's policy has it; `ip` and `tc` make directories for BPF objects;
# systemd waits for the network once somebody wants that. A reboot makes those directories go, and gives
# `vlan10-`, of what stands in for an 802.1Q device, another MAC.
_OTHERS = re.compile(
    r" (user|group) came messagebus:|pin (came|went) /sys/fs/bpf/(ip|xdp|tc|tc/globals)$|-wait-online\."
    r"|(address|route) (came|went) .*\bvlan\d+-( |$)"
)


# A vc5d that cannot start; on the next one not even its `--uninstall` works.
_NO_START = "echo 'VC5D_OPTIONS=/nowhere/config.json eth0' >/etc/default/vc5d; systemctl kill -s KILL vc5d"
_NO_COMMANDS = "systemctl kill -s KILL vc5d; rm -r /usr/lib/vc5/venv/lib/python3*/site-packages/vc5d"


def _break(site: Site) -> None:
    boxes = site.balancers[1:]
    for box, how in zip(boxes, (_NO_START, _NO_COMMANDS), strict=True):
        box.run("sh", "-c", how)
    wait_until(
        "vc5d is down",
        lambda: all(
            box.run("systemctl", "is-active", "vc5d", check=False).stdout.strip() != "active" for box in boxes
        ),
        30,
    )
    site.report.fact(
        f"vc5d of {boxes[0].name} does not start any more; {boxes[1].name} lacks half of its package"
    )


def remove(site: Site, before: compare.Snapshots) -> None:
    report = site.report
    report.step("z", "remove.yml")
    _break(site)
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
