"""Where things are, and YAML's shorthand. What is refused is in reject/."""

from __future__ import annotations

import pytest
import yaml
from vc5c import parse as parse_module
from vc5c.parse import parse
from vc5c.problems import Place, Problems, Rejected
from vc5c.source import Source
from vc5c.tree import find, plain


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def loader(request, monkeypatch) -> None:
    """Both of PyYAML's parsers: the one in C is not everywhere."""
    if request.param == "python":
        monkeypatch.setattr(parse_module, "_LOADER", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")


def tree(text: str):
    return parse(Source("x.yaml", text), Problems())


def test_places() -> None:
    found = tree('a:\n  - b: one\n    "ç d": [x, yy]\n')
    assert find(found, ["a", 0, "b"]).place == Place(2, 8, 3)
    assert find(found, ["a", 0, "ç d", 1]).place == Place(3, 16, 2)
    assert found.entries["a"].key.place == Place(1, 1, 1)
    assert find(found, ["a", 0, "ç d"]).place == Place(3, 12, 7)
    assert find(found, ["a", 7, "nowhere"]).place == find(found, ["a"]).place


def test_values() -> None:
    text = "a: 52:54:00:12:34:56\nb: '1'\n80: 1\nd: |\n  x\n  y\ne: ! 5\n"
    assert plain(tree(text)) == {"a": "52:54:00:12:34:56", "b": "1", "80": 1, "d": "x\ny\n", "e": "5"}


def test_merge() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {'<<': 4}\n"
    assert plain(tree(text))["c"] == {"x": 3, "y": 1, "z": 2}
    assert plain(tree(text))["d"] == {"<<": 4}


@pytest.mark.parametrize("opener", ["[", "{", "- ", "? ", "[{"])
def test_deep(opener: str) -> None:
    with pytest.raises(Rejected) as caught:
        tree(opener * 20_000)
    assert caught.value.problems[0].rule in ("yaml-depth", "yaml-syntax")


def test_aliases_that_multiply() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for name, before in zip("bcdefgh", "abcdefg", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]")
    with pytest.raises(Rejected) as caught:
        tree("\n".join(lines))
    assert [problem.rule for problem in caught.value.problems] == ["yaml-alias"]


def test_not_utf8(tmp_path) -> None:
    from vc5c.source import read

    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: b\nc: \xe9\n")
    with pytest.raises(Rejected) as caught:
        parse(read(str(path)), Problems())
    (problem,) = caught.value.problems
    assert (problem.rule, problem.place.line, problem.place.column) == ("not-utf8", 2, 4)
