"""Steps d and e: a real server fails; the configuration changes under load."""

from __future__ import annotations

import time
from collections import Counter

from lab import client, expect
from lab.balancer import SERVICE
from lab.capture import Capture
from lab.lab import NAMES_OF_REALS, Lab
from lab.plan import CLIENT, REALS, VIP
from lab.report import Report

STOPPED = "r12"  # its nginx is stopped in step d
DRAINED, ADDED = "10.1.10.11", "10.1.20.13"  # in step e
FIRST_PORT = 21000  # source ports of step d; those of step e are behind them
REQUESTS = 200


def lose_a_real(lab: Lab, report: Report) -> None:
    report.step("d", f"Stop nginx on {STOPPED}")
    address = next(real.address for real in REALS if real.name == STOPPED)
    health = expect.load(lab.document)["services"][SERVICE]["health"]
    window = health["threshold"] * health["interval"] + health["timeout"]
    ports = range(FIRST_PORT, FIRST_PORT + REQUESTS)
    before = {answer.source_port: answer.real for answer in client.ask(lab.names, ports)}
    begin = time.monotonic()
    lab.wait_both("all answer", lambda b: bool(b.status().reals), window)
    asking = time.monotonic() - begin  # it may happen just after one was asked, so two rounds late
    lab.nginx[STOPPED].stop()
    took = lab.wait_both(f"{STOPPED} is down", lambda b: b.status().states("down") == {address}, window + 10)
    report.check(
        took <= window + max(1, 2 * asking),
        f"down on both after {took:.1f} s; {health['threshold']} checks {health['interval']} s apart"
        f" may take {window:g} s",
    )
    with Capture(lab.names.netns(STOPPED), "eth0") as card:
        answers = client.ask(lab.names, ports)
    failed = sum(bool(answer.error) for answer in answers)
    opened = sum(frame.opens and (frame.source, frame.destination) == (CLIENT, VIP) for frame in card.frames)
    report.check(
        not failed and not opened,
        f"{len(answers)} new connections: {failed} failed, {opened} came to {STOPPED}",
    )
    moved = {a.source_port for a in answers if a.real != before[a.source_port]}
    owned = {port for port, real in before.items() if real == STOPPED}
    spread = len({a.real for a in answers if a.source_port in owned})
    report.check(
        moved == owned,
        f"{len(owned)} of them were {STOPPED}'s and spread over {spread} others; of the rest"
        f" {len(moved - owned)} moved",
    )
    _bring_back(lab, report, window)


def _bring_back(lab: Lab, report: Report, window: float) -> None:
    lab.start_nginx(STOPPED)
    accepting = set(lab.table().reals)
    took = lab.wait_both(
        f"{STOPPED} accepts", lambda b: b.status().states("accepting") == accepting, window + 10
    )
    # Other ports: a connection from a port that was just in use elsewhere rightly stays there.
    answers = client.ask(lab.names, range(FIRST_PORT + 1000, FIRST_PORT + 1000 + REQUESTS))
    right = sum(answer.real == lab.real_of(answer.source_port) for answer in answers)
    report.check(
        right == len(answers),
        f"started again: accepts after {took:.1f} s; {right} of {len(answers)} new connections are where the"
        " table has them",
    )


def change_configuration(lab: Lab, report: Report) -> None:
    drained, added = NAMES_OF_REALS[DRAINED], NAMES_OF_REALS[ADDED]
    report.step("e", f"Under load: add {added}, drain {drained}, compile, SIGHUP")
    owners = {NAMES_OF_REALS[address] for address in lab.table().reals}
    living = lab.ports_of(owners, 2, FIRST_PORT + 2000)
    old = [port for port in living if lab.real_of(port) == drained]
    with client.Load(lab.names, living, range(FIRST_PORT + 4000, FIRST_PORT + 8000)) as load:
        time.sleep(1)
        flipped, live = _reload(lab, report)
        time.sleep(2)
        lab.wait_both("no slot is in transition", lambda b: not b.status().slots["transition"], 30)
        ended = time.monotonic()
        time.sleep(1)
    report.check(
        not load.failures,
        f"{load.requests} requests meanwhile, {len(load.answers)} on new connections and the rest on"
        f" {len(living)} living ones: {len(load.failures)} failed",
        "; ".join(load.failures[:2]),
    )
    counts = Counter(answer.real for answer in load.new_since(live))
    report.check(
        counts[drained] == 0 and counts[added] > 0,
        f"of {counts.total()} new connections since then {counts[drained]} went to {drained}, which drains,"
        f" and {counts[added]} to {added}",
    )
    kept = sum(load.lives[port][-1].asked > ended for port in old)
    report.check(kept == len(old) > 0, f"{kept} of {len(old)} living connections to {drained} are served on")
    slots = [balancer.status().slots for balancer in lab.balancers]
    report.check(
        not any(slot["transition"] for slot in slots),
        f"the transition ended {ended - flipped:.1f} s after the flip: {slots[0]['clear']} slots clear,"
        f" {slots[0]['consult']} consult",
    )


def _reload(lab: Lab, report: Report) -> tuple[float, float]:
    """When (time.monotonic) the new document was live on both, and when its real servers were as it says."""
    report.fact(f"in the YAML now: {lab.edit(ADDED, DRAINED)}")
    digest = expect.load(lab.document)["digest"]
    begin = time.monotonic()
    for balancer in lab.balancers:
        balancer.roll_out(lab.document)
        balancer.reload()
    lab.wait_both("the new document is live", lambda b: b.status().digest == digest, 15)
    flipped = time.monotonic()
    report.check(True, f"{digest[:19]}… is live on both {flipped - begin:.2f} s after SIGHUP")
    lab.wait_both(
        f"{ADDED} accepts and {DRAINED} drains",
        lambda b: ADDED in b.status().states("accepting") and DRAINED in b.status().states("draining"),
        15,
    )
    slots = [balancer.status().slots for balancer in lab.balancers]
    report.fact(
        f"slots in transition, whose owner changed: {slots[0]['transition']} of {sum(slots[0].values())}"
    )
    return flipped, time.monotonic()
