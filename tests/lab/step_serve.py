"""Step c: many requests. Who answered, whether that was right, and what the frames on the way looked like."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from lab import capture, client, expect
from lab.balancer import Status
from lab.capture import Capture, Frame
from lab.lab import NAMES_OF_REALS, Lab
from lab.plan import BALANCERS, CLIENT, CLIENT6, REALS, SECOND_PORT, SECOND_VIP, VIP, VIP6
from lab.report import Report

REQUESTS = 400
SECOND_REQUESTS = 50
FIRST_PORT = 20000
# Chance exceeds this once in 1,000: chi-square with 6 degrees of freedom, one fewer than real servers.
CHI_SQUARE = 22.5


def serve(lab: Lab, report: Report) -> None:
    report.step("c", f"{REQUESTS} HTTP requests, each on a connection of its own")
    before = [balancer.status() for balancer in lab.balancers]
    ports = range(FIRST_PORT, FIRST_PORT + REQUESTS)
    cards = [Capture(lab.names.netns(real.name), "eth0") for real in REALS]
    trunks = [Capture(lab.names.netns("switch"), b.name, outgoing=True) for b in lab.balancers]
    with capture.together([*cards, *trunks]):
        begin = time.monotonic()
        answers = client.ask(lab.names, ports)
        took = time.monotonic() - begin
    _judge_answers(lab, report, answers, took)
    _judge_shares(lab, report, answers, before)
    _judge_frames(report, cards, trunks)
    _ask_another_service(lab, report, CLIENT, SECOND_VIP, SECOND_PORT)
    _ask_another_service(lab, report, CLIENT6, VIP6, 80)
    answered = [vip for vip in (VIP, VIP6) if client.ping(lab.names, vip)]
    report.check(len(answered) == 2, f"the load balancers answer pings to {' and '.join(answered) or 'none'}")


def _ask_another_service(lab: Lab, report: Report, source: str, vip: str, port: int) -> None:
    """Another VIP, another port or family, other real servers, another kind of check."""
    ports = range(FIRST_PORT + REQUESTS, FIRST_PORT + REQUESTS + SECOND_REQUESTS)
    name = f"[{vip}]:{port}" if ":" in vip else f"{vip}:{port}"
    answers = client.ask(lab.names, ports, source, url=f"http://{name}/")
    table = expect.table(expect.load(lab.document), f"{vip}:{port}:tcp")
    right = sum(
        (answer.real, answer.seen_client)
        == (
            NAMES_OF_REALS[table.real_of(source, answer.source_port, vip, port)],
            f"{source}:{answer.source_port}",
        )
        for answer in answers
    )
    report.check(
        right == len(answers),
        f"of {len(answers)} more to {name} {right} reached the server that its table names, one of"
        f" {len(table.reals)}",
        "; ".join(answer.error for answer in answers if answer.error),
    )


def _judge_answers(lab: Lab, report: Report, answers: list[client.Answer], took: float) -> None:
    failed = [answer.error for answer in answers if answer.error]
    report.check(
        not failed,
        f"{len(answers) - len(failed)} answered, {len(failed)} failed, in {took:.1f} s",
        "; ".join(failed[:2]),
    )
    own = sum((a.seen_client, a.seen_vip) == (f"{CLIENT}:{a.source_port}", VIP) for a in answers)
    report.check(
        own == len(answers), f"{own} times the server saw the client's own address and port, and {VIP}"
    )
    right = sum(answer.real == lab.real_of(answer.source_port) for answer in answers)
    report.check(right == len(answers), f"{right} reached the very server that the document's table names")


def _judge_shares(lab: Lab, report: Report, answers: list[client.Answer], before: Sequence[Status]) -> None:
    counts = Counter(answer.real for answer in answers)
    expected = {NAMES_OF_REALS[a]: share * REQUESTS for a, share in lab.table().shares().items()}
    listed = ", ".join(f"{real} {counts[real]} ({count:.0f})" for real, count in sorted(expected.items()))
    report.fact(f"per real server, expected in brackets: {listed}")
    # Pearson's. The source ports are fixed, so for one document this figure is too: it cannot be unlucky.
    chi = sum((counts[real] - count) ** 2 / count for real, count in expected.items())
    report.check(
        chi < CHI_SQUARE, f"their chi-square is {chi:.1f}; chance exceeds {CHI_SQUARE} once in 1,000"
    )
    after = [balancer.status() for balancer in lab.balancers]
    flows = [sum(a.flows().values()) - sum(b.flows().values()) for a, b in zip(after, before, strict=True)]
    # The router's hash has a new key at every boot: 5 standard deviations, once in 1.7 million runs.
    bound = 5 * (REQUESTS / 4) ** 0.5
    half = REQUESTS // 2
    listed = ", ".join(f"{b.name} {count} ({half})" for b, count in zip(lab.balancers, flows, strict=True))
    even = abs(flows[0] - half) <= bound and sum(flows) == REQUESTS
    report.check(even, f"per load balancer, by its own counters: {listed}; chance allows ±{bound:.0f}")


def _judge_frames(report: Report, cards: Sequence[Capture], trunks: Sequence[Capture]) -> None:
    arrived = [
        (real, frame)
        for real, card in zip(REALS, cards, strict=True)
        for frame in card.frames
        if _to_vip(frame)
    ]
    macs = {balancer.mac for balancer in BALANCERS}
    rewritten = sum(frame.from_mac in macs and frame.to_mac == real.mac for real, frame in arrived)
    report.check(
        rewritten == len(arrived) >= REQUESTS,
        f"{len(arrived)} frames came to the real servers, from {CLIENT} to {VIP} as sent;"
        f" {rewritten} with new MACs",
    )
    entered = [frame for trunk in trunks for frame in trunk.frames if _to_vip(frame) and frame.vlan == 10]
    crossed = sum(real.vlan == 20 for real, _ in arrived)
    report.check(
        len(entered) == len(arrived) and crossed > 0,
        f"{len(entered)} went into the load balancers, tagged VLAN 10; {crossed} came out in VLAN 20",
    )
    replies = [frame for trunk in trunks for frame in trunk.frames if frame.destination == CLIENT]
    report.check(not replies, f"of the replies {len(replies)} frames passed a load balancer's port")


def _to_vip(frame: Frame) -> bool:
    """The client's; a load balancer's health checks go to the VIP as well."""
    return (frame.source, frame.destination) == (CLIENT, VIP)
