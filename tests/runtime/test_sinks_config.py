"""`logging` of a document: VC5's keys and ours, what is refused, and that no message shows a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from vc5d.errors import Vc5Error
from vc5d.sinks.config import Elastic, Logging, Webhook, read
from vc5d.sinks.secret import Hidden, Source

SECRET = "https://hooks.slack.com/services/T000/B000/topsecret"


def test_nothing() -> None:
    assert read(None) == read({}) == read({"alert": 0, "syslog": False}) == Logging()


def test_vc5s_own_keys() -> None:
    """As its compiler writes them (tests/compiler/golden/vc5-settings)."""
    found = read(
        {
            "alert": 4,
            "syslog": True,
            "slack": SECRET,
            "teams": "https://example.org/x",
            "elasticsearch": {
                "index": "vc5",
                "retain": "30",
                "addresses": ["http://10.1.2.31/", "https://es"],
                "username": "elastic",
                "password": "pw",
            },
            "webhooks": {"https://b.example/z": {"level": "6", "type": "teams"}, "https://a.example/": {}},
        }
    )
    assert found.syslog
    assert found.webhooks == (
        Webhook("slack", "slack", 4, Source("text", SECRET)),
        Webhook("teams", "teams", 4, Source("text", "https://example.org/x")),
        Webhook("webhook-1", "slack", 4, Source("text", "https://a.example/")),
        Webhook("webhook-2", "teams", 6, Source("text", "https://b.example/z")),
    )
    addresses = ("http://10.1.2.31:80", "https://es:443")
    assert found.elastic == Elastic("vc5", addresses, "elastic", Source("text", "pw"))
    assert found.unknown == ("logging.elasticsearch.retain",)


def test_our_own_keys() -> None:
    found = read(
        {
            "probes": True,
            "webhooks": {"oncall": {"type": "teams", "level": 3, "url": {"credential": "oncall"}}},
            "elasticsearch": {
                "index": "a-b.c",
                "api_key": {"file": "/etc/key"},
                "ca": "/ca",
                "verify": False,
            },
        }
    )
    assert found.probes
    assert found.webhooks == (Webhook("oncall", "teams", 3, Source("credential", "oncall")),)
    assert found.elastic == Elastic(
        "a-b.c", ("http://localhost:9200",), api_key=Source("file", "/etc/key"), ca="/ca", verify=False
    )


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ([], "logging"),
        ({"alert": 8}, "logging.alert"),
        ({"alert": True}, "logging.alert"),
        ({"alert": ""}, "logging.alert"),
        ({"probes": "yes"}, "logging.probes"),
        ({"syslog": 1}, "logging.syslog"),
        ({"slack": 5}, "logging.slack"),
        ({"slack": "topsecret"}, "logging.slack"),
        ({"slack": "ftp://topsecret/"}, "logging.slack"),
        ({"slack": "https://[topsecret/"}, "logging.slack"),
        ({"slack": SECRET + "\n"}, "logging.slack"),
        ({"slack": {"file": "a", "credential": "b"}}, "logging.slack"),
        ({"slack": {"credential": "../topsecret"}}, "logging.slack.credential"),
        ({"slack": {"file": ""}}, "logging.slack"),
        ({"webhooks": [SECRET]}, "logging.webhooks"),
        ({"webhooks": {SECRET: "slack"}}, "logging.webhooks, number 1"),
        ({"webhooks": {SECRET: {"type": "irc"}}}, "logging.webhooks, number 1.type"),
        ({"webhooks": {SECRET: {"level": "many"}}}, "logging.webhooks, number 1.level"),
        ({"webhooks": {SECRET: {"lavel": 1}}}, "logging.webhooks, number 1"),
        ({"webhooks": {SECRET: {"url": SECRET}}}, "logging.webhooks, number 1"),
        ({"webhooks": {"a": {}}}, "logging.webhooks.a"),
        ({"webhooks": {"slack": {"url": SECRET}}}, "logging.webhooks.slack"),
        ({"elasticsearch": "vc5"}, "logging.elasticsearch"),
        ({"elasticsearch": {"addresses": ["http://x"]}}, "logging.elasticsearch.index"),
        ({"elasticsearch": {"index": "VC5"}}, "logging.elasticsearch.index"),
        ({"elasticsearch": {"index": "_x"}}, "logging.elasticsearch.index"),
        ({"elasticsearch": {"index": "a", "addresses": 5}}, "logging.elasticsearch.addresses"),
        ({"elasticsearch": {"index": "a", "addresses": ["x:9200"]}}, "logging.elasticsearch.addresses"),
        (
            {"elasticsearch": {"index": "a", "addresses": ["http://u:topsecret@x"]}},
            "logging.elasticsearch.addresses",
        ),
        ({"elasticsearch": {"index": "a", "password": "topsecret"}}, "logging.elasticsearch"),
        (
            {"elasticsearch": {"index": "a", "api_key": "topsecret", "username": "u"}},
            "logging.elasticsearch",
        ),
        ({"elasticsearch": {"index": "a", "verify": "no"}}, "logging.elasticsearch.verify"),
    ],
)
def test_refused(raw: Any, where: str) -> None:
    with pytest.raises(Vc5Error) as refused:
        read(raw)
    assert refused.value.message.startswith(f"{where}: ")
    assert "topsecret" not in str(refused.value)


def test_secrets_are_not_printed() -> None:
    assert "topsecret" not in repr(
        read({"slack": SECRET, "elasticsearch": {"index": "a", "api_key": "topsecret"}})
    )


def test_reading_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("abc\n")
    assert Source("file", str(tmp_path / "key")).read("x") == "abc"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert Source("credential", "key").read("x") == "abc"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "two").write_text("topsecret\nb")
    for source, said in (
        (Source("credential", "key"), "LoadCredential=key:PATH"),
        (Source("file", str(tmp_path / "none")), "No such file"),
        (Source("file", str(tmp_path / "empty")), "is empty"),
        (Source("file", str(tmp_path / "binary")), "not text"),
        (Source("file", str(tmp_path / "two")), "more than one line"),
    ):
        with pytest.raises(Vc5Error) as refused:
            source.read("logging.slack")
        assert said in str(refused.value)
        assert "topsecret" not in str(refused.value)


def test_hidden() -> None:
    hidden = Hidden([SECRET, "pw12"])
    assert hidden(f"cannot connect to {SECRET}: no") == "cannot connect to ***: no"
    assert hidden("no such hook: topsecret") == "no such hook: ***", "a part of the path is enough to guess"
    assert hidden("POST /services/T000/B000/topsecret") == "POST ***"
    assert hidden("Basic cHcxMg==") == "Basic ***", "as a header has it"
    assert hidden("hooks.slack.com refused") == "hooks.slack.com refused"
