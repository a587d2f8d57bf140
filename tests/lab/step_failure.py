"""Steps f and g: a load balancer dies; a daemon dies."""

from __future__ import annotations

import time

from lab import bird, client
from lab.balancer import Balancer, Status
from lab.lab import NAMES_OF_REALS, Lab
from lab.plan import PINNED_CLIENT
from lab.report import Report
from lab.step_change import DRAINED

FIRST_PORT = 31000  # source ports


def lose_a_balancer(lab: Lab, report: Report) -> Balancer:
    """Returns the load balancer that survived."""
    report.step("f", "A load balancer dies during a download")
    # A flow that is not with its slot's owner is known only to the load balancer that sent it elsewhere,
    # until load balancers share flows: slots whose owner drains are left out.
    owners = {NAMES_OF_REALS[address] for address in lab.table().reals} - {NAMES_OF_REALS[DRAINED]}
    before = [balancer.status().packets() for balancer in lab.balancers]
    download = client.Download(lab.names, lab.ports_of(owners, 1, FIRST_PORT)[0])
    download.start()
    time.sleep(1.5)
    moved = [b.status().packets() - count for b, count in zip(lab.balancers, before, strict=True)]
    victim = lab.balancers[moved.index(max(moved))]
    survivor = lab.balancers[1 - lab.balancers.index(victim)]
    report.fact(f"{download.received / 1e6:.1f} MB received, by way of {victim.name} ({max(moved)} packets)")
    others = lab.ports_of(owners, 2, FIRST_PORT + 1000)
    with client.Load(lab.names, others, ()) as load:
        time.sleep(1)
        at = download.received
        victim.die()
        took = lab.wait_next_hops([survivor.host.address], 15)
        report.check(
            True,
            f"{victim.name} dead at {at / 1e6:.1f} MB, cable and all processes at once: BFD moved the path in"
            f" {took:.2f} s",
        )
        download.join(timeout=60)
        report.check(
            download.sha256 == lab.download_sha256,
            f"the download is complete: {download.received / 1e6:.1f} MB, SHA-256 right; its longest pause"
            f" was {download.longest_pause:.2f} s",
            download.error or "wrong checksum",
        )
        begin = time.monotonic()
        victim.revive(lab.config)
        lab.wait_next_hops([balancer.host.address for balancer in lab.balancers], 30)
        back = time.monotonic() - begin
        time.sleep(1)
    report.check(
        not load.failures,
        f"{victim.name} started anew: in the router's path after {back:.1f} s; of {len(others)} other"
        f" connections that lived through both, {len(load.failures)} failed",
        "; ".join(load.failures[:2]),
    )
    return survivor


def lose_the_daemon(lab: Lab, report: Report, balancer: Balancer) -> None:
    report.step("g", f"kill -9 of vc5d on {balancer.name}")
    other = next(b for b in lab.balancers if b is not balancer)
    bird.pin_client(lab.names, PINNED_CLIENT, balancer.host.address)
    report.fact(f"client {PINNED_CLIENT} goes by way of {balancer.name} throughout, by a route of its own")
    owners = {NAMES_OF_REALS[address] for address in lab.table().reals}
    living = lab.ports_of(owners, 1, FIRST_PORT + 2000, PINNED_CLIENT)
    lost = lab.retransmitted()
    new = range(FIRST_PORT + 3000, FIRST_PORT + 7000)
    with client.Load(lab.names, living, new, PINNED_CLIENT) as load:
        time.sleep(1)
        before = balancer.status()
        assert balancer.vc5d is not None
        dead = time.monotonic()
        balancer.vc5d.kill()
        lab.wait_next_hops([other.host.address], 10)
        took = time.monotonic() - dead
        report.check(True, f"its VIPs left the router's table in {took:.2f} s")
        time.sleep(1.5)
        served = sum(not answer.error for answer in load.new_since(dead))
        report.check(
            balancer.attached() == "native" and served > 0,
            f"without vc5d the pinned program forwards on: {served} new connections meanwhile",
        )
        begin = time.monotonic()
        balancer.start_vc5d()
        balancer.wait_vc5d()
        lab.wait_next_hops([b.host.address for b in lab.balancers], 20)
        back = time.monotonic() - begin
        after = balancer.status()
        time.sleep(1)
    report.check(
        _goes_on(before, after),
        f"a new vc5d adopted the same maps: generation {after.generation} as before, and the counters go on"
        f" from {before.packets()} to {after.packets()} packets",
    )
    report.check(True, f"its VIPs are back in the router's table {back:.1f} s after its start")
    lost = lab.retransmitted() - lost
    report.check(
        not load.failures and lost == 0,
        f"{load.requests} requests by way of {balancer.name}: {len(load.failures)} failed,"
        f" {lost} segments had to be sent again",
        "; ".join(load.failures[:2]),
    )


def _goes_on(before: Status, after: Status) -> bool:
    """The same document and generation, and no counter that went back."""
    same = (after.digest, after.generation) == (before.digest, before.generation)
    flows = after.flows()
    return same and all(flows[address] >= count for address, count in before.flows().items())
