"""No input of any kind gives a traceback: mutated configurations, wrong values everywhere, raw bytes."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from vc5c import emit, source
from vc5c.compile import load
from vc5c.migrate import migrate
from vc5c.neighbors import NeighborOptions
from vc5c.problems import Problems, Rejected
from vc5c.report import Report, github, human, machine, sarif
from vc5c.report.human import render
from vc5c.resolve import resolve
from vc5c.tables import Table

HERE = Path(__file__).parent
SEEDS = [path.read_text() for path in sorted([*HERE.glob("*/*/config.yaml"), *HERE.glob("migrate/*/*.yaml")])]
TREES = [
    yaml.load(path.read_text(), yaml.BaseLoader)
    for path in sorted([*HERE.glob("golden/*/config.yaml"), *HERE.glob("migrate/*/old.yaml")])
]
PIECES = [
    ": ", "- ", "\n", "  ", "\t", "*", "&a ", "*a", "{", "}", "[", "]", '"', "'", "|\n", "#", "? ", "<<: ",
    "---\n", "!!str ", "\x00", "\x85", "\u2028", "é", "😀", "null", "true", "-1", "99999999999999999999999",
    "1.5", "10.0.0.1", "::1", "any", "http", "any/tcp", "::/0", "secret", "leastconn",
    "include: ", "rhi:", "file", "\r", "%YAML 9\n",
    "# vc5c: ignore[unchecked, \x00, nead]\n", "block: [0.0.0.0/0]\n", "名", "e\u0301", "\u202e", "080",
]  # fmt: skip


def judge(text: str) -> None:
    """Compile and show; raises only if there is a defect."""
    given_source, problems = source.Source("fuzz.yaml", text), Problems()
    rewrite(given_source)
    try:
        resolved = resolve(load(given_source, problems))
        # Whole, but for the tables: they are test_maglev's, and slow.
        unmade = Table("", lambda: b"null")
        document = emit.document(resolved, {service.table: unmade for service in resolved.services})
        json.loads(b"".join(document))
    except Rejected as rejected:
        problems.found = rejected.problems
        severities = {problem.severity for problem in rejected.problems}
    else:
        severities = {"error"}
    assert "error" in severities
    for form in (human, machine, github, sarif):
        form.text([Report(given_source, problems.found)]).encode()
    for problem in problems.found:
        shown = render(problem, given_source, colour=True)
        assert "\n" not in problem.message or "\\n" in shown
        assert problem.place.line >= 1
        assert problem.place.column >= 1


def rewrite(given_source: source.Source) -> None:
    """What `--migrate` writes is YAML that needs no more of it; or it refuses."""
    try:
        text, _ = migrate(given_source)
        again, changes = migrate(source.Source("again.yaml", text))
    except Rejected:
        return
    assert (again, changes) == (text, [])


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(PIECES)), max_size=6),
)
@settings(max_examples=400, deadline=None)
def test_mutated_text(text: str, edits) -> None:
    for where, cut, piece in edits:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + cut :]
    judge(text)


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text(text: str) -> None:
    judge(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(PIECES)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PIECES), inner, max_size=3),
    max_leaves=5,
)


def paths(node, here=()):
    yield here
    if isinstance(node, dict):
        for key in node:
            yield from paths(node[key], (*here, key))
    elif isinstance(node, list):
        for index in range(len(node)):
            yield from paths(node[index], (*here, index))


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_wrong_values_anywhere(data) -> None:
    """One value of a sound configuration replaced by any other."""
    tree = json.loads(json.dumps(data.draw(st.sampled_from(TREES))))
    path = data.draw(st.sampled_from(list(paths(tree))))
    value = data.draw(VALUES)
    if not path:
        judge(json.dumps(value))
        return
    node = tree
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    # JSON is YAML, but for the quotes, which turn every number into text: unquoted where that is possible.
    judge(yaml.safe_dump(tree, default_style=None, width=10_000).replace("'", ""))


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_bytes(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(data)
    given_source = source.read(str(path))
    try:
        load(given_source, Problems())
    except Rejected as rejected:
        for problem in rejected.problems:
            render(problem, given_source)


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=150, deadline=None)
def test_any_neighbors(tmp_path_factory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "neighbors.yaml"
    path.write_bytes(data)
    given_source = source.Source("x.yaml", "services: []\n")
    try:
        load(given_source, Problems(), NeighborOptions(str(path)))
    except Rejected as rejected:
        for problem in rejected.problems:
            render(problem, given_source)


@given(
    st.lists(st.tuples(st.sampled_from(["a.yaml", "b.yaml", "c/d.yaml"]), st.sampled_from(SEEDS) | st.none()))
)
@settings(max_examples=60, deadline=None)
def test_any_files_including_each_other(tmp_path_factory, files) -> None:
    folder = tmp_path_factory.getbasetemp() / "included"
    (folder / "c").mkdir(parents=True, exist_ok=True)
    for name, text in files:
        (folder / name).write_text((text or "") + "\ninclude: ['*.yaml', c/d.yaml, ../b.yaml]\n")
    given_source, problems = source.Source(str(folder / "x.yaml"), "include: a.yaml\n"), Problems()
    try:
        load(given_source, problems)
    except Rejected as rejected:
        problems.found = rejected.problems
    for problem in problems.found:
        render(problem, given_source)
