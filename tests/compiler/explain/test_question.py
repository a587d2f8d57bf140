"""The words of a question."""

from __future__ import annotations

import pytest
from vc5c.explain.question import BadQuestion, read_question


@pytest.mark.parametrize(
    ("client", "vip", "flow"),
    [
        ("203.0.113.7:51234", "192.168.101.1:80", "203.0.113.7:51234 -> 192.168.101.1:80 tcp"),
        ("203.0.113.7:51234", "192.168.101.1:80/udp", "203.0.113.7:51234 -> 192.168.101.1:80 udp"),
        ("[2001:DB8::1]:5555", "[2001:db8::80]:53/tcp", "[2001:db8::1]:5555 -> [2001:db8::80]:53 tcp"),
    ],
)
def test_good(client, vip, flow) -> None:
    question = read_question(client, vip)
    assert str(question.flow(question.protocol or "tcp")) == flow


@pytest.mark.parametrize(
    ("client", "vip", "why"),
    [
        ("203.0.113.7", "192.168.101.1:80", "CLIENT '203.0.113.7' is not ADDRESS:PORT"),
        ("203.0.113.7:1", "192.168.101.1", "VIP '192.168.101.1' is not ADDRESS:PORT"),
        ("203.0.113.7:0", "192.168.101.1:80", "a port is a number from 1 to 65535"),
        ("203.0.113.7:1", "192.168.101.1:65536", "a port is a number from 1 to 65535"),
        ("2001:db8::1:5", "[2001:db8::2]:80", "is not ADDRESS:PORT, or [ADDRESS]:PORT for IPv6"),
        ("[203.0.113.7]:5", "192.168.101.1:80", "is not ADDRESS:PORT"),
        ("203.0.113.7:1", "[2001:db8::2]:80", "different address families"),
        ("203.0.113.7:1", "192.168.101.1:80/icmp", "`icmp` is no protocol with ports"),
        ("203.0.113.7:1", "192.168.101.1:80/", "no protocol"),
        ("name:1", "192.168.101.1:80", "CLIENT 'name:1'"),
        ("", "", "CLIENT ''"),
    ],
)
def test_bad(client, vip, why) -> None:
    with pytest.raises(BadQuestion) as caught:
        read_question(client, vip)
    assert why in str(caught.value)
