"""Load balancers on LACP bonds: a member is lost and returns under load, and no connection minds."""

from __future__ import annotations

import time

import pytest

from lab import bond, capture, client, story, switch
from lab.capture import Capture
from lab.host import run, wait_until
from lab.lab import NAMES_OF_REALS, Lab
from lab.plan import CONFIG, VIP, Names
from lab.report import Report

pytestmark = pytest.mark.lab
FIRST_PORT = 33000  # source ports
LACP = 15  # seconds for both ends to agree again


@pytest.fixture
def lab(names: Names) -> Lab:
    netns = names.netns("probe")
    run(["ip", "netns", "add", netns])
    missing = [
        module
        for module, here in (("bonding", bond.has_bonding), ("8021q", switch.has_8021q))
        if not here(netns)
    ]
    run(["ip", "netns", "del", netns])
    if missing:
        pytest.skip(f"this kernel has no {' and no '.join(missing)}: make vmtest")
    made = Lab(names, bonded=True)
    names.state.mkdir(mode=0o755, exist_ok=True)
    made.compile(CONFIG)
    return made


def in_use(lab: Lab, count: int) -> None:
    """Both ends of every bond agree on so many members of lb1's, and on all of lb2's."""
    ends = [
        ("lb1", "eth0", count),
        (switch.NETNS, "lb1", count),
        ("lb2", "eth0", 2),
        (switch.NETNS, "lb2", 2),
    ]
    wait_until(
        f"{count} members in use",
        lambda: all(bond.agreed(lab.names, host, port) == wanted for host, port, wanted in ends),
        LACP,
        every=0.1,
    )


def by_member(lab: Lab, first: int) -> list[int]:
    """Frames to the VIP through each member of lb1's trunk, in and out, while a hundred clients ask."""
    netns = lab.names.netns(switch.NETNS)
    ports = [Capture(netns, member, outgoing=True) for member in bond.members("lb1")]
    with capture.together(ports):
        answers = client.ask(lab.names, range(first, first + 100))
    assert [answer.error for answer in answers if answer.error] == []
    assert all(answer.real == lab.real_of(answer.source_port) for answer in answers)
    return [sum(frame.destination == VIP for frame in port.frames) for port in ports]


def test_a_member_lost_and_returned_under_load(lab: Lab) -> None:
    story.come_up(lab, Report())
    in_use(lab, 2)
    assert all(balancer.attached() == "native" for balancer in lab.balancers)
    assert min(by_member(lab, FIRST_PORT)) > 0, "flows must go by either member"
    owners = {NAMES_OF_REALS[address] for address in lab.table().reals}
    living = lab.ports_of(owners, 2, FIRST_PORT + 1000)
    new = range(FIRST_PORT + 2000, FIRST_PORT + 6000)
    with client.Load(lab.names, living, new, new_pause=0.05) as load:
        time.sleep(1)
        for lost in bond.members("lb1"):
            begin = time.monotonic()
            bond.cut(lab.names, switch.NETNS, lost)
            in_use(lab, 1)
            print(f"{lost} out: {time.monotonic() - begin:.2f} s", end="; ")
            time.sleep(1)
            begin = time.monotonic()
            bond.plug(lab.names, switch.NETNS, lost)
            in_use(lab, 2)
            print(f"in again: {time.monotonic() - begin:.2f} s")
            time.sleep(1)
    assert load.failures == []
    print(
        f"{load.requests} requests meanwhile, on {len(living)} living connections and on new ones: 0 failed"
    )
    assert len(lab.next_hops()) == 2, "BGP and BFD must have lived through it"
    assert min(by_member(lab, FIRST_PORT + 200)) > 0
