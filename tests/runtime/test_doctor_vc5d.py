"""The doctor on a vc5d that it may not ask, and on where vc5d sends its events."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from vc5d.ctl.doctor import leftovers, sinks
from vc5d.ctl.doctor.gather import _document, _status
from vc5d.document import reading


def test_one_that_may_not_be_asked_is_not_taken_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As whoever is not in the socket's group finds it; root may always."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(socket, "socket", type("Refused", (socket.socket,), {"connect": refuse}))
    status, why_not, forbidden = _status(tmp_path / "vc5d.sock")
    host: Any = SimpleNamespace(status=status, why_not=why_not, forbidden=forbidden, other_running=False)
    [found] = leftovers.judge(host)
    assert (found.level, found.what) == (
        "warn",
        f"it cannot be asked: no permission for {tmp_path / 'vc5d.sock'}",
    )


def test_a_sink_that_takes_nothing_is_named() -> None:
    said = {"slack": {"last_error": None}, "oncall": {"last_error": "HTTP 404"}}
    host: Any = SimpleNamespace(status={"sinks": said})
    well, failing = sinks.judge(host)
    assert (well.level, well.what) == ("ok", "sent to slack")
    assert (failing.level, failing.what) == ("warn", "oncall takes nothing: HTTP 404")
    nothing: Any = SimpleNamespace(status=None)
    assert sinks.judge(nothing) == []


def test_a_document_that_this_user_may_not_read_need_not_be_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: object, **__: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    bad = tmp_path / "config.json"
    bad.write_text("{")
    assert _document(bad)[2], "the next start would fail"
    monkeypatch.setattr(reading, "_content", forbid)
    document, why, refused = _document(bad)
    assert (document, refused) == (None, False)
    assert "Permission denied" in why
