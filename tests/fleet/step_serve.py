"""Step c: traffic. Who answered, whether that was right, and by which load balancer it went."""

from __future__ import annotations

from collections import Counter

from lab import client
from lab.plan import CLIENT, SECOND_VIP, VIP, VIP6

from fleet.plan import REALS
from fleet.site import EVERYONE, Site

REQUESTS = 300
FIRST_PORT = 20000
# Chance exceeds this once in 1,000: chi-square with 3 degrees of freedom, one fewer than real servers.
CHI_SQUARE = 16.3


def serve(site: Site) -> None:
    report = site.report
    report.step("c", f"{REQUESTS} HTTP requests, each on a connection of its own")
    digests = site.digests()
    same = len({(box.root / "etc/vc5/config.json").read_bytes() for box in site.balancers}) == 1
    report.check(
        len(digests) == 1 and same,
        f"the same document on all {len(EVERYONE)}, byte for byte; live is {' and '.join(digests)[:26]}…",
    )
    for vip in (VIP, SECOND_VIP):
        site.wait_ways(EVERYONE, 20, vip)
        report.check(True, f"the router has {len(EVERYONE)} equal ways to {vip}: {', '.join(site.ways(vip))}")
    report.check(len(site.ways(VIP6)) == len(EVERYONE), f"and {len(site.ways(VIP6))} to {VIP6}")
    before = [site.status(box) for box in site.balancers]
    answers = site.ask(range(FIRST_PORT, FIRST_PORT + REQUESTS))
    failed = [answer.error for answer in answers if answer.error]
    report.check(
        not failed, f"{len(answers) - len(failed)} answered, {len(failed)} failed", "; ".join(failed[:2])
    )
    own = sum((a.seen_client, a.seen_vip) == (f"{CLIENT}:{a.source_port}", VIP) for a in answers)
    report.check(own == REQUESTS, f"{own} times the server saw the client's own address and port, and {VIP}")
    right = sum(answer.real == site.real_of(answer.source_port) for answer in answers)
    report.check(right == REQUESTS, f"{right} reached the very server that the document's table names")
    counts = Counter(answer.real for answer in answers)
    even = REQUESTS / len(REALS)
    listed = ", ".join(f"{real.name} {counts[real.name]}" for real in REALS)
    chi = sum((counts[real.name] - even) ** 2 / even for real in REALS)
    report.check(
        chi < CHI_SQUARE,
        f"per server: {listed}; chi-square {chi:.1f}, which chance exceeds {CHI_SQUARE} once in 1,000",
    )
    after = [site.status(box) for box in site.balancers]
    flows = [sum(a.flows().values()) - sum(b.flows().values()) for a, b in zip(after, before, strict=True)]
    listed = ", ".join(f"{name} {count}" for name, count in zip(EVERYONE, flows, strict=True))
    # The router's hash has a new key at every boot: 5 standard deviations, once in 1.7 million runs.
    bound = 5 * (REQUESTS * 2 / 9) ** 0.5
    spread = all(abs(count - REQUESTS / 3) <= bound for count in flows) and sum(flows) == REQUESTS
    report.check(spread, f"per load balancer, by its own counters: {listed}; chance allows ±{bound:.0f}")
    answered = [vip for vip in (VIP, VIP6) if client.ping(site.fleet.names, vip)]
    report.check(len(answered) == 2, f"pings are answered by {' and '.join(answered) or 'none'}")
