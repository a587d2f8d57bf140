"""What a DNS answer says of the server; messages made here, bytes as they come from the wire."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis.strategies import binary
from vc5d.health.dnsquery import judge
from vc5d.health.state import Result

QUESTION = dns.message.make_query("version.bind.", "TXT", "CH")


def answer(rcode: str = "NOERROR") -> dns.message.Message:
    message = dns.message.make_response(QUESTION)
    message.set_rcode(dns.rcode.from_text(rcode))
    return message


@pytest.mark.parametrize(
    ("rcode", "passed"),
    [("NOERROR", True), ("REFUSED", True), ("NXDOMAIN", True), ("NOTIMP", True), ("SERVFAIL", False)],
)
def test_any_answer_but_servfail_passes(rcode: str, passed: bool) -> None:
    assert judge(QUESTION, answer(rcode).to_wire()) == Result(passed, f"DNS {rcode}")


def test_a_refusal_may_leave_the_question_out() -> None:
    message = answer("REFUSED")
    message.question = []
    assert judge(QUESTION, message.to_wire()).passed


def test_other_answers() -> None:
    other = Result(False, "a DNS answer to another question")
    assert judge(QUESTION, QUESTION.to_wire()) == other, "an echo is no answer"
    wrong_id = bytes([answer().to_wire()[0] ^ 1]) + answer().to_wire()[1:]
    assert judge(QUESTION, wrong_id) == other
    elsewhere = dns.message.make_query("example.org.", "A", id=QUESTION.id)
    assert judge(QUESTION, dns.message.make_response(elsewhere).to_wire()) == other
    assert judge(QUESTION, answer().to_wire()[:14]) == Result(False, "not a DNS answer")
    assert judge(QUESTION, b"HTTP/1.1 400 Bad Request\r\n\r\n") == Result(False, "not a DNS answer")
    assert judge(QUESTION, b"") == Result(False, "the connection was closed without an answer")


@given(binary(max_size=200))
def test_no_bytes_raise(tail: bytes) -> None:
    assert judge(QUESTION, tail).passed in (True, False)
    assert judge(QUESTION, answer().to_wire()[:12] + tail).passed in (True, False)
