"""The story of `make demo`: the product's main job, step by step, each step with what was measured.

A step prints what it does and judges it; a check that does not hold lets the story go on, a lab that does
not come up ends it. Nothing here knows how a part works inside: it uses the product's commands, asks the
kernel, and looks at frames.
"""

from __future__ import annotations

import time
from collections import Counter

from lab import bird, capture, client, expect
from lab.balancer import SERVICE, Balancer
from lab.host import run
from lab.lab import NAMES_OF_REALS, Lab
from lab.plan import BALANCERS, CLIENT, COMMANDS, CONFIG, PINNED_CLIENT, REALS, VIP
from lab.report import Report

REQUESTS = 400
FIRST_PORT = 20000
STOPPED = "r12"  # its nginx is stopped in step d
DRAINED, ADDED = "10.1.10.11", "10.1.20.13"  # in step e

INTRODUCTION = f"""\
The lab, in network namespaces of this machine:

  client ── router ══╦═ switch ═╦═ lb1   VLANs 10 and 20 tagged; vc5d, BIRD
  {CLIENT}   BGP,   ║          ╚═ lb2
              ECMP   ║
                     ╚═ {len(REALS)} real servers on VLANs 10 and 20, untagged; nginx
                        {VIP} (the VIP) on loopback, no ARP for it"""


def tell(lab: Lab, report: Report) -> None:
    """All of it, in order. Raises LabError when the story cannot go on."""
    print(INTRODUCTION, flush=True)
    compile_document(lab, report)
    come_up(lab, report)
    serve(lab, report)
    lose_a_real(lab, report)
    change_configuration(lab, report)
    survivor = lose_a_balancer(lab, report)
    lose_the_daemon(lab, report, survivor)


def compile_document(lab: Lab, report: Report) -> None:
    report.step("a", f"Compile {CONFIG.relative_to(CONFIG.parents[2])}")
    lab.names.state.mkdir(mode=0o755, exist_ok=True)
    begin = time.monotonic()
    lab.compile(CONFIG)
    took = time.monotonic() - begin
    document = expect.load(lab.document)
    report.fact(f"digest    {document['digest']}")
    for key, service in document["services"].items():
        table = document["tables"][service["table"]]
        reals = f"{len(service['reals'])} real servers, a table of {table['size']} slots"
        report.fact(f"service   {key} ({service['name']}): {reals}")
    report.fact(f"document  {lab.document.stat().st_size} bytes in {took:.2f} s")
    first = lab.document.read_bytes()
    lab.compile(CONFIG)
    report.check(lab.document.read_bytes() == first, "compiled twice, the same bytes")
    run([COMMANDS / "vc5d", "--check", lab.document])
    report.check(True, "vc5d --check accepts it: structure, schema, digest, tables, index")


def come_up(lab: Lab, report: Report) -> None:
    report.step("b", "Start both load balancers")
    lab.build()
    begin = time.monotonic()
    for balancer in lab.balancers:
        balancer.roll_out(lab.document)
        balancer.start_bird(lab.config)
        balancer.start_vc5d()
    for balancer in lab.balancers:
        balancer.wait_vc5d()
        mode = balancer.attached()
        report.check(mode == "native", f"{balancer.name}: XDP attached to eth0, {mode} mode")
    expected = set(lab.table().reals)
    lab.wait_both("every health check passes", lambda b: b.status().states("accepting") == expected, 20)
    took = time.monotonic() - begin
    report.check(
        True, f"health checks of all {len(expected)} real servers pass on both, {took:.1f} s after the start"
    )
    lab.wait_next_hops([balancer.host.address for balancer in lab.balancers], 20)
    took = time.monotonic() - begin
    hops = lab.next_hops()
    report.check(
        len(hops) == 2, f"the router has 2 equal paths to {VIP}: {' and '.join(hops)}, after {took:.1f} s"
    )


def serve(lab: Lab, report: Report) -> None:
    report.step("c", f"{REQUESTS} HTTP requests, each on a connection of its own")
    before = [balancer.status() for balancer in lab.balancers]
    ports = range(FIRST_PORT, FIRST_PORT + REQUESTS)
    cards = [capture.Capture(lab.names.netns(real.name), "eth0") for real in REALS]
    trunks = [capture.Capture(lab.names.netns("switch"), b.name, outgoing=True) for b in lab.balancers]
    with capture.together([*cards, *trunks]):
        begin = time.monotonic()
        answers = client.ask(lab.names, ports)
        took = time.monotonic() - begin
    _judge_answers(lab, report, answers, took)
    _judge_shares(lab, report, answers, before)
    _judge_frames(report, cards, trunks)


def _judge_answers(lab: Lab, report: Report, answers: list[client.Answer], took: float) -> None:
    failed = [answer.error for answer in answers if answer.error]
    report.check(
        not failed,
        f"{len(answers) - len(failed)} answered, {len(failed)} failed, in {took:.1f} s",
        failed[:1],
    )
    seen = {
        (answer.seen_client == f"{CLIENT}:{answer.source_port}", answer.seen_vip == VIP) for answer in answers
    }
    report.check(seen == {(True, True)}, f"the servers saw the client's own address and port, and {VIP}")
    right = sum(answer.real == lab.real_of(answer.source_port) for answer in answers)
    report.check(
        right == len(answers), f"{right} reached the very server that the document's table names for them"
    )


def _judge_shares(lab: Lab, report: Report, answers: list[client.Answer], before: list) -> None:
    counts = Counter(answer.real for answer in answers)
    shares = {NAMES_OF_REALS[address]: share for address, share in lab.table().shares().items()}
    listed = ", ".join(
        f"{real} {counts[real]} ({share * REQUESTS:.0f})" for real, share in sorted(shares.items())
    )
    report.fact(f"per real server, expected in brackets: {listed}")
    # Pearson's chi-square. The source ports are fixed, and so then is this figure, for one document.
    chi = sum((counts[real] - share * REQUESTS) ** 2 / (share * REQUESTS) for real, share in shares.items())
    report.check(
        chi < 22.5, f"chi-square of the real servers' shares {chi:.1f}; chance exceeds 22.5 once in 1,000"
    )
    after = [balancer.status() for balancer in lab.balancers]
    flows = [sum(a.flows().values()) - sum(b.flows().values()) for a, b in zip(after, before, strict=True)]
    # The router's hash has a key of its own at every boot: 5 standard deviations, once in 1.7 million runs.
    bound = 5 * (REQUESTS / 4) ** 0.5
    listed = ", ".join(
        f"{b.name} {count} ({REQUESTS // 2})" for b, count in zip(lab.balancers, flows, strict=True)
    )
    even = abs(flows[0] - REQUESTS / 2) <= bound and sum(flows) == REQUESTS
    report.check(even, f"per load balancer: {listed}, within ±{bound:.0f}")


def _judge_frames(report: Report, cards: list[capture.Capture], trunks: list[capture.Capture]) -> None:
    arrived = [(real, frame) for real, card in zip(REALS, cards, strict=True) for frame in card.frames]
    arrived = [
        (real, frame) for real, frame in arrived if frame.destination == VIP and frame.source == CLIENT
    ]
    macs = {balancer.mac for balancer in BALANCERS}
    direct = sum(frame.from_mac in macs and frame.to_mac == real.mac for real, frame in arrived)
    report.check(
        direct == len(arrived) >= REQUESTS,
        f"{len(arrived)} frames arrived at the real servers from {CLIENT} to {VIP}, MACs rewritten, nothing else",
    )
    towards = [frame for trunk in trunks for frame in trunk.frames if frame.destination == VIP]
    replies = [
        frame
        for trunk in trunks
        for frame in trunk.frames
        if (frame.source, frame.destination) == (VIP, CLIENT)
    ]
    report.check(
        not replies and bool(towards),
        f"of the replies {len(replies)} frames passed a load balancer's port; towards the VIP {len(towards)} did",
    )


def lose_a_real(lab: Lab, report: Report) -> None:
    report.step("d", f"Stop nginx on {STOPPED}")
    address = next(real.address for real in REALS if real.name == STOPPED)
    health = expect.load(lab.document)["services"][SERVICE]["health"]
    window = health["threshold"] * health["interval"] + health["timeout"]
    ports = range(FIRST_PORT + 1000, FIRST_PORT + 1200)
    before = {answer.source_port: answer.real for answer in client.ask(lab.names, ports)}
    begin = time.monotonic()
    lab.nginx[STOPPED].stop()
    lab.wait_both(f"{STOPPED} is down", lambda b: b.status().states("down") == {address}, window + 10)
    took = time.monotonic() - begin
    report.check(
        took <= window + 1,
        f"down on both after {took:.1f} s; {health['threshold']} checks, {health['interval']} s apart, may take {window:g} s",
    )
    with capture.Capture(lab.names.netns(STOPPED), "eth0") as card:
        answers = client.ask(lab.names, ports)
    failed = sum(bool(answer.error) for answer in answers)
    opened = sum(frame.opens and frame.destination == VIP and frame.source == CLIENT for frame in card.frames)
    report.check(
        not failed and not opened,
        f"{len(answers)} new connections: {failed} failed, {opened} came to {STOPPED}",
    )
    moved = {a.source_port for a in answers if a.real != before[a.source_port]}
    owned = {port for port, real in before.items() if real == STOPPED}
    spread = len({a.real for a in answers if a.source_port in owned})
    report.check(
        moved == owned,
        f"{len(owned)} of them were {STOPPED}'s and spread over {spread} others; {len(moved - owned)} others moved",
    )
    lab.start_nginx(STOPPED)
    accepting = set(lab.table().reals)
    took = lab.wait_both(
        f"{STOPPED} accepts", lambda b: b.status().states("accepting") == accepting, window + 10
    )
    answers = client.ask(lab.names, range(FIRST_PORT + 2000, FIRST_PORT + 2200))
    right = sum(answer.real == lab.real_of(answer.source_port) for answer in answers)
    report.check(
        right == len(answers),
        f"started again: accepts after {took:.1f} s, and {right} of {len(answers)} connections are where they belong",
    )


def change_configuration(lab: Lab, report: Report) -> None:
    report.step("e", f"Under load: add {NAMES_OF_REALS[ADDED]}, drain {NAMES_OF_REALS[DRAINED]}, reload both")
    drained, added = NAMES_OF_REALS[DRAINED], NAMES_OF_REALS[ADDED]
    reals = {NAMES_OF_REALS[address] for address in lab.table().reals}
    living = lab.ports_of(reals, 2, FIRST_PORT + 3000)
    old = [port for port in living if lab.real_of(port) == drained]
    with client.Load(lab.names, living, range(FIRST_PORT + 5000, FIRST_PORT + 9000)) as load:
        time.sleep(1)
        report.fact(f"in the YAML now: {lab.edit(ADDED, DRAINED)}")
        digest = expect.load(lab.document)["digest"]
        begin = time.monotonic()
        for balancer in lab.balancers:
            balancer.roll_out(lab.document)
            balancer.reload()
        lab.wait_both("the new document is live", lambda b: b.status().digest == digest, 15)
        took = time.monotonic() - begin
        report.check(True, f"{digest[:19]}… is live on both {took:.2f} s after SIGHUP")
        states = (("accepting", ADDED), ("draining", DRAINED))
        lab.wait_both(
            f"{added} accepts and {drained} drains",
            lambda b: all(address in b.status().states(state) for state, address in states),
            15,
        )
        live = time.monotonic()
        slots = [balancer.status().slots for balancer in lab.balancers]
        report.fact(f"slots in transition: {slots[0]['transition']} of {sum(slots[0].values())}")
        time.sleep(2)
        lab.wait_both("no slot is in transition", lambda b: b.status().slots["transition"] == 0, 30)
        time.sleep(1)
    ended = time.monotonic() - live
    counts = Counter(answer.real for answer in load.new_since(live))
    kept = sum(life[-1].asked > live for port, life in load.lives.items() if port in old)
    report.check(
        not load.failures,
        f"{load.requests} requests meanwhile, {len(load.answers)} of them on new connections: {len(load.failures)} failed",
        "; ".join(load.failures[:2]),
    )
    report.check(
        counts[drained] == 0, f"new connections since then: {counts[drained]} to {drained}, which drains"
    )
    report.check(kept == len(old), f"all {kept} old connections to {drained} were served on")
    report.check(
        counts[added] > 0, f"new connections since then: {counts[added]} of {sum(counts.values())} to {added}"
    )
    slots = [balancer.status().slots for balancer in lab.balancers]
    report.check(
        not any(slot["transition"] for slot in slots),
        f"the transition ended within {ended:.1f} s: {slots[0]['clear']} slots clear, {slots[0]['consult']} consult",
    )


def lose_a_balancer(lab: Lab, report: Report) -> Balancer:
    """Returns the load balancer that survived."""
    report.step("f", "A load balancer dies during a download")
    # Flows that went elsewhere than to their slot's owner are known only to the load balancer that
    # sent them there, until load balancers share them: those to the draining server's slots are left out.
    owners = {NAMES_OF_REALS[address] for address in lab.table().reals} - {NAMES_OF_REALS[DRAINED]}
    ports = lab.ports_of(owners, 2, FIRST_PORT + 10000)
    before = [balancer.status().packets() for balancer in lab.balancers]
    download = client.Download(lab.names, lab.ports_of(owners, 1, FIRST_PORT + 11000)[0])
    download.start()
    time.sleep(1.5)
    after = [balancer.status().packets() for balancer in lab.balancers]
    moved = [a - b for a, b in zip(after, before, strict=True)]
    victim = lab.balancers[moved.index(max(moved))]
    survivor = lab.balancers[1 - lab.balancers.index(victim)]
    report.fact(f"{download.received / 1e6:.1f} MB received, by way of {victim.name} ({max(moved)} packets)")
    with client.Load(lab.names, ports, ()) as load:
        time.sleep(1)
        received = download.received
        victim.kill()
        took = lab.wait_next_hops([survivor.host.address], 15)
        report.check(
            True,
            f"{victim.name} dead at {received / 1e6:.1f} MB, cable, BIRD and vc5d at once: BFD moved the path in {took:.2f} s",
        )
        download.join(timeout=60)
        report.check(
            download.sha256 == lab.download_sha256,
            f"the download completed: {download.received / 1e6:.1f} MB, checksum right, longest pause"
            f" {download.longest_pause:.2f} s",
            download.error or "wrong checksum",
        )
        victim.revive(lab.config)
        back = lab.wait_next_hops([balancer.host.address for balancer in lab.balancers], 30)
        time.sleep(1)
    report.check(
        not load.failures,
        f"{victim.name} is back in the router's path after {back:.1f} s; of {len(ports)} other connections, alive"
        f" throughout, {len(load.failures)} failed",
        "; ".join(load.failures[:2]),
    )
    return survivor


def lose_the_daemon(lab: Lab, report: Report, balancer: Balancer) -> None:
    report.step("g", f"kill -9 of vc5d on {balancer.name}")
    other = next(b for b in lab.balancers if b is not balancer)
    bird.pin_client(lab.names, PINNED_CLIENT, balancer.host.address)
    owners = {NAMES_OF_REALS[address] for address in lab.table().reals}
    living = lab.ports_of(owners, 1, FIRST_PORT + 12000, PINNED_CLIENT)
    report.fact(f"client {PINNED_CLIENT} goes by way of {balancer.name} throughout, by a route of its own")
    lost = lab.retransmitted()
    with client.Load(lab.names, living, range(FIRST_PORT + 13000, FIRST_PORT + 17000), PINNED_CLIENT) as load:
        time.sleep(1)
        before = balancer.status()
        assert balancer.vc5d is not None
        balancer.vc5d.kill()
        dead = time.monotonic()
        took = lab.wait_next_hops([other.host.address], 10)
        report.check(True, f"its VIPs left the router's table in {took:.2f} s")
        time.sleep(1.5)
        served = len(load.new_since(dead))
        mode = balancer.attached()
        report.check(
            mode == "native" and served > 0,
            f"without vc5d the pinned program forwards on: {served} new connections so far",
        )
        balancer.start_vc5d()
        balancer.wait_vc5d()
        back = lab.wait_next_hops([b.host.address for b in lab.balancers], 20)
        after = balancer.status()
        time.sleep(1)
    same = (after.digest, after.generation) == (before.digest, before.generation)
    counted = after.packets() >= before.packets() and all(
        after.flows()[address] >= flows for address, flows in before.flows().items()
    )
    report.check(
        same and counted,
        f"a new vc5d adopted the same maps: generation {after.generation} as before, packets counted on from"
        f" {before.packets()} to {after.packets()}",
    )
    report.check(True, f"its VIPs are back in the router's table {back:.1f} s later")
    lost = lab.retransmitted() - lost
    report.check(
        not load.failures and lost == 0,
        f"{load.requests} requests by way of {balancer.name}: {len(load.failures)} failed, {lost} segments sent twice",
        "; ".join(load.failures[:2]),
    )
