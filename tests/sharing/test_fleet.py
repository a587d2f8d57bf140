"""Load balancers in namespaces that share flows, by multicast and by unicast, each of several processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.support import pins
from tests.runtime.support.documents import Spec, raw_document
from tests.sharing.fleet import Fleet, eventually

pytestmark = pytest.mark.bpf

WEB, DNS, WEB6 = "192.168.101.1:80:tcp", "192.168.101.1:53:udp", "2001:db8:101::1:80:tcp"
REALS = {f"10.77.0.{n}": 1 for n in (101, 102, 103)}
REALS6 = {f"2001:db8:77::10{n}": 1 for n in (1, 2, 3)}
MACS = {real: f"02:00:00:00:0{number}:00" for number, real in enumerate([*REALS, *REALS6])}
MULTICAST = {"multicast": "239.7.7.7:9999"}


def document(extra: dict[str, Any], **more: Any) -> dict[str, Any]:
    services = {WEB: REALS, DNS: REALS, WEB6: REALS6}
    return raw_document(
        Spec(services, macs=MACS, track={WEB: "full", DNS: "full", WEB6: "full"}, extra=extra, **more)
    )


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    path = next(pins.directory("share"))
    made = Fleet(tmp_path, path.parent)
    yield made
    made.close()


def together(fleet: Fleet, extra: dict[str, Any], count: int = 2) -> list[Any]:
    for _ in range(count):
        fleet.add(document(extra))
    for member in fleet.members:
        assert eventually(lambda m=member: len(m.ask("status").get("nodes", {})) == count - 1), member.ask(
            "status"
        )
        member.ask("states", dict.fromkeys([*REALS, *REALS6], "ACCEPTING"))
    return fleet.members


@pytest.mark.parametrize(
    "extra",
    [
        MULTICAST,
        {"multicast": "[ff15::7]:9999"},
        {"sharing": {"peers": ["10.77.0.1", "10.77.0.2"], "port": 7777}},
    ],
    ids=["IPv4", "IPv6", "unicast"],
)
def test_new_flows_are_known_to_the_others_at_once(fleet: Fleet, extra: dict[str, Any]) -> None:
    one, other = together(fleet, extra)
    flows = [["10.9.0.1", 1024 + n, "192.168.101.1", 80, "tcp"] for n in range(50)]
    flows += [["10.9.0.1", 1024 + n, "192.168.101.1", 53, "udp"] for n in range(50)]
    flows += [["2001:db8:9::1", 1024 + n, "2001:db8:101::1", 80, "tcp"] for n in range(50)]
    one.ask("packets", [[*flow, "S"] for flow in flows])
    assert other.ask("flows")["flows4_tcp"] == 0, "half-open flows are told to nobody"
    sent = one.ask("packets", [[*flow, "A"] for flow in flows])
    assert all(sent)
    wanted = {"peer_flows4_tcp": 50, "peer_flows4_udp": 50, "peer_flows6_tcp": 50}
    assert eventually(lambda: wanted.items() <= other.ask("flows").items()), (
        other.ask("flows"),
        one.ask("status"),
        other.ask("status"),
    )
    other.ask("states", {"10.77.0.102": "DRAINING"})
    assert other.ask("packets", [[*flow, "A"] for flow in flows]) == sent
