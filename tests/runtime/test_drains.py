"""What an operator takes out of service: targets, and how they are kept."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.documents import Spec, document
from vc5d.document import ServiceKey
from vc5d.errors import Vc5Error
from vc5d.operator.drains import DrainFile, Drains, Target, check_known

HTTP, HTTPS = "192.0.2.1:80:tcp", "192.0.2.1:443:tcp"
A, B = "10.0.0.1", "10.0.0.2"
DOCUMENT = document(Spec({HTTP: {A: 1, B: 1}, HTTPS: {A: 1}}))
KEYS = {str(key): key for key in DOCUMENT.services}

texts = st.text(min_size=1, max_size=8)
targets = st.one_of(
    st.just(Target("host")),
    st.builds(Target, st.just("vip"), vip=texts),
    st.builds(Target, st.just("service"), service=texts),
    st.builds(Target, st.just("real"), service=st.none() | texts, real=texts),
)


def key(text: str) -> ServiceKey:
    return KEYS[text]


def test_a_real_in_one_service_or_in_all() -> None:
    one = Drains().drain(Target("real", service=HTTP, real=A))
    assert (one.real(key(HTTP), A), one.real(key(HTTPS), A), one.real(key(HTTP), B)) == (True, False, False)
    both = Drains().drain(Target("real", real=A))
    assert (both.real(key(HTTP), A), both.real(key(HTTPS), A), both.real(key(HTTP), B)) == (True, True, False)


def test_undraining_what_is_not_drained_says_what_is() -> None:
    drains = Drains().drain(Target("real", real=A))
    with pytest.raises(Vc5Error, match=f"real {B} is not drained") as told:
        drains.undrain(Target("real", real=B))
    assert told.value.hint == f"drained: real {A}"
    assert drains.undrain(Target("real", real=A)) == Drains()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "a target has a kind"),
        (["host"], "a target has a kind"),
        ({"kind": "rack"}, "a target has a kind"),
        ({"kind": "host", "other": 1}, "a target has a kind"),
        ({"kind": "real"}, "which real?"),
        ({"kind": "vip", "vip": ""}, "which vip?"),
        ({"kind": "vip", "vip": 7}, "texts"),
    ],
)
def test_targets_that_are_none(raw: Any, message: str) -> None:
    with pytest.raises(Vc5Error, match=message):
        Target.of(raw)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("vip", vip="192.0.2.9"), "no VIP 192.0.2.9"),
        (Target("service", service="192.0.2.1:81:tcp"), "no service 192.0.2.1:81:tcp"),
        (Target("real", real="10.0.0.9"), "no real 10.0.0.9"),
        (Target("real", service=HTTPS, real=B), f"no real {B}"),
    ],
)
def test_what_the_document_does_not_have(target: Target, message: str) -> None:
    with pytest.raises(Vc5Error, match=message):
        check_known(target, DOCUMENT)


def test_what_the_document_has() -> None:
    for target in (Target("host"), Target("vip", vip="192.0.2.1"), Target("real", service=HTTP, real=B)):
        check_known(target, DOCUMENT)


@given(st.frozensets(targets))
def test_the_file_gives_back_what_it_took(some: frozenset[Target]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = DrainFile(Path(directory) / "made")
        assert file.load() == Drains()
        file.save(Drains(some))
        assert file.load() == Drains(some)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"drained": 1}', '{"drained": [{"kind": "x"}]}'])
def test_a_file_that_cannot_be_used_is_an_error_and_not_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "drains.json").write_text(content)
    with pytest.raises(Vc5Error, match=r"drains\.json cannot be used"):
        DrainFile(tmp_path).load()


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    file = DrainFile(tmp_path)
    file.save(Drains().drain(Target("host")))
    (tmp_path / "drains.new").mkdir()
    with pytest.raises(Vc5Error, match="cannot be written"):
        file.save(Drains())
    assert json.loads((tmp_path / "drains.json").read_text()) == {"drained": [{"kind": "host"}]}


def test_without_a_directory_nothing_is_kept() -> None:
    file = DrainFile(None)
    file.save(Drains().drain(Target("host")))
    assert file.load() == Drains()
