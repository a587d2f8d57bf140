"""What is printed: golden/<case>/old.yaml to new.yaml gives human.txt, plan.json and comment.md.

There, digests are left out: they change with everything. VC5_UPDATE_GOLDEN=1 writes them anew: read the diff.
"""

from __future__ import annotations

import json
import os
import re
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from vc5c.plan import as_json, markdown, text
from vc5c.plan.make import make_plan
from vc5c.plan.sessions import read_sessions

CASES = sorted(path for path in (Path(__file__).parent / "golden").iterdir() if path.is_dir())
SCHEMA = json.loads(resources.files("vc5_schemas").joinpath("plan.schema.json").read_text())
FORMS = {"human.txt": text.render, "plan.json": as_json.render, "comment.md": markdown.render}


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request) -> Path:
    return request.param


@pytest.fixture
def plan(case, document_of):
    old, new = (document_of((case / name).read_text(), name) for name in ("old.yaml", "new.yaml"))
    counts = case / "sessions.json"
    sessions = read_sessions([str(counts)] if counts.exists() else [], old.services)
    return make_plan(old, new, sessions, 0.5)


@pytest.mark.parametrize("name", FORMS)
def test_golden(case, plan, name) -> None:
    written = re.sub("sha256:[0-9a-f]{64}", "sha256:DIGEST", "".join(FORMS[name](plan)))
    if os.environ.get("VC5_UPDATE_GOLDEN"):
        (case / name).write_text(written)
    assert written == (case / name).read_text()


def test_json_obeys_its_schema(plan) -> None:
    Draft202012Validator(SCHEMA).validate(as_json.plain(plan))


def test_colour_adds_nothing_else(plan) -> None:
    coloured = "".join(text.render(plan, colour=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == "".join(text.render(plan))
    for sign, colour in (("+", 32), ("-", 31), ("~", 33)):
        if any(line.lstrip().startswith(f"{sign} ") for line in text.render(plan)):
            assert f"\x1b[{colour}m{sign}\x1b[0m " in coloured
