"""The story of `make demo`: the product's main job, step by step, each step with what was measured.

A step prints what it does and judges it; a check that does not hold lets the story go on, a lab that does
not come up ends it. The steps know nothing of how a part works inside: they use the product's commands, ask
the kernel, and look at frames.
"""

from __future__ import annotations

import time

from lab import expect, switch
from lab.host import run
from lab.lab import NAMES_OF_REALS, Lab
from lab.plan import CLIENT, COMMANDS, CONFIG, REALS, SECOND_VIP, VIP, VIP6
from lab.report import Report
from lab.step_change import change_configuration, lose_a_real
from lab.step_failure import lose_a_balancer, lose_the_daemon
from lab.step_serve import serve

INTRODUCTION = f"""\
The lab, in network namespaces of this machine:

  client ─── router ─┬─ switch ─┬─ lb1   VLANs 10 and 20, tagged; vc5d and BIRD
  {CLIENT}  BGP,    │          └─ lb2
             ECMP    │
                     └─ {len(REALS)} real servers on VLANs 10 and 20, untagged; nginx,
                        {VIP} (the VIP) on their loopback, no ARP for it"""


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
        checks = {check["type"] for real in service["reals"].values() for check in real["checks"]}
        report.fact(f"service   {key} ({service['name']}): {reals}, {'+'.join(sorted(checks))} checks")
    report.fact(f"document  {lab.document.stat().st_size} bytes in {took:.2f} s")
    first = lab.document.read_bytes()
    lab.compile(CONFIG)
    report.check(lab.document.read_bytes() == first, "compiled twice, the same bytes")
    run([COMMANDS / "vc5d", "--check", lab.document])
    report.check(True, "vc5d --check accepts it: structure, schema, digest, tables, index")


def come_up(lab: Lab, report: Report) -> None:
    report.step("b", "Start both load balancers")
    lab.build()
    own = switch.has_8021q(lab.names.netns(switch.NETNS))
    report.fact(f"VLANs by {'the kernel: 802.1Q devices' if own else 'tc-BPF: this kernel has no 802.1Q'}")
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
    passing = f"health checks of all {len(expected)} real servers pass on both"
    report.check(True, f"{passing}, {took:.1f} s after the start")
    reals = lab.balancers[0].status().reals
    learned = [
        f"{NAMES_OF_REALS[address]} {real['mac']} VLAN {real['vlan']}" for address, real in reals.items()
    ]
    report.fact(f"MACs learned from the kernel, such as {learned[0]} and {learned[-1]}")
    for vip in (VIP, SECOND_VIP):
        lab.wait_next_hops([balancer.host.address for balancer in lab.balancers], 20, vip)
        took = time.monotonic() - begin
        hops = lab.next_hops(vip)
        report.check(
            len(hops) == 2, f"the router has 2 equal paths to {vip}: {' and '.join(hops)}, after {took:.1f} s"
        )
    lab.wait_paths(2, 20, VIP6)
    took = time.monotonic() - begin
    report.check(True, f"the router has 2 equal paths to {VIP6}, after {took:.1f} s")
