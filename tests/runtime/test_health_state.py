"""When a real counts as up."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers, text
from vc5d.health.state import Condition, Result, Rule, advance

THREE_OF_FIVE = Rule(3, 5)


def run(results: str, rule: Rule = THREE_OF_FIVE) -> str:
    """`results`: + passed, - failed, ? could not check; the condition after each: U up, D down, . unknown."""
    condition = Condition()
    seen = ""
    for each in results:
        condition = advance(condition, Result({"+": True, "-": False}.get(each), each), rule)
        seen += "." if condition.up is None else "UD"[not condition.up]
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


@pytest.mark.parametrize(
    ("results", "expected", "why"),
    [
        ("?", ".", "this host could not ask: nothing is known"),
        ("??-", "..D", "the first real result decides"),
        ("+??????", "UUUUUUU", "none of them counts against the real"),
        ("+--?-", "UUUUD", "nor takes a place in the window"),
        ("-++?+", "DDDDU", "nor for it"),
    ],
)
def test_what_could_not_be_checked_changes_nothing(results: str, expected: str, why: str) -> None:
    assert run(results) == expected, why


def naive(results: str, rule: Rule) -> str:
    """By looking back over the whole history each time, from what the words in state.py's table say."""
    seen = ""
    for end in range(1, len(results) + 1):
        up, since = None, list[bool]()
        for each in results[:end]:
            if each == "?":
                continue
            passed = each == "+"
            if up is None:
                up = passed
                continue
            since.append(passed)
            against = [one for one in since[max(0, len(since) - rule.window) :] if one != up]
            if len(against) >= rule.threshold:
                up, since = not up, []
        seen += "." if up is None else "UD"[not up]
    return seen


@given(text("+-?", max_size=40), integers(1, 6), integers(0, 6))
def test_it_is_what_a_naive_reading_of_the_table_gives(results: str, threshold: int, more: int) -> None:
    rule = Rule(threshold, threshold + more)
    assert run(results, rule) == naive(results, rule)
