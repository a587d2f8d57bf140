"""When a real counts as up."""

import pytest
from vc5d.health.state import Condition, Result, Rule, advance

THREE_OF_FIVE = Rule(3, 5)


def run(results: str, rule: Rule = THREE_OF_FIVE) -> str:
    """`results`: + passed, - failed; the condition after each: U up, D down."""
    condition = Condition()
    seen = ""
    for each in results:
        condition = advance(condition, Result(each == "+", each), rule)
        seen += "U" if condition.up else "D"
    return seen


@pytest.mark.parametrize(
    ("results", "expected", "why"),
    [
        ("+", "U", "the first result decides"),
        ("-", "D", "the first result decides"),
        ("+--", "UUU", "two failures are not enough"),
        ("+---", "UUUD", "three in a row"),
        ("+-+-+-", "UUUUUD", "three of the last five"),
        ("+--+++-", "UUUUUUU", "failures that have left the window do not count"),
        ("--+", "DDD", "one pass is not enough"),
        ("-+++", "DDDU", "three passes"),
        ("-+-+-+", "DDDDDU", "three passes of the last five"),
        ("+-+-+-+", "UUUUUDD", "a change empties the window: passes from before do not count"),
        ("-+++--+-", "DDDUUUUD", "and again the other way"),
    ],
)
def test_three_of_five(results: str, expected: str, why: str) -> None:
    assert run(results) == expected, why


def test_one_of_one_follows_each_result() -> None:
    assert run("+-+-", Rule(1, 1)) == "UDUD"


def test_the_reason_is_that_of_the_last_result() -> None:
    condition = advance(Condition(), Result(True, "HTTP 200"), THREE_OF_FIVE)
    condition = advance(condition, Result(False, "HTTP 503, expected 200"), THREE_OF_FIVE)
    assert condition.up
    assert condition.reason == "HTTP 503, expected 200"
    assert Condition().up is None
