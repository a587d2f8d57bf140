"""A document from its file into the daemon, by another process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.documents import Spec, file_content, raw_document, sealed
from vc5d.document import Document, read
from vc5d.errors import Vc5Error
from vc5d.health.plans import compile_checks
from vc5d.loading import loading as loading_module
from vc5d.loading.loading import Loaded, Loading

SERVICES = {f"192.0.2.{n}:80:tcp": {f"10.0.{n}.{m}": 1 for m in range(1, 9)} for n in range(1, 6)}


def write(path: Path, services: dict[str, dict[str, int]], **changes: object) -> Path:
    path.write_bytes(file_content(raw_document(Spec(services, **changes))))  # type: ignore[arg-type]
    return path


def loaded(path: Path, before: Loaded | None = None) -> Loaded:
    loading = Loading(path)
    return asyncio.run(loading.next(before) if before else loading.first())


def same(one: Document, other: Document) -> None:
    """Equal in everything."""
    for name in (
        "digest",
        "seed",
        "flow_lifetime",
        "neighbors",
        "vlans",
        "vlans6",
        "bgp",
        "blocked",
        "options",
    ):
        assert getattr(one, name) == getattr(other, name), name
    assert [vars(each) for each in one.services.values()] == [vars(each) for each in other.services.values()]
    assert one.tables.keys() == other.tables.keys()
    for name, table in one.tables.items():
        assert np.array_equal(table.slots, other.tables[name].slots)
        assert not table.slots.flags.writeable
        assert (table.size, table.reals, table.weights) == (
            other.tables[name].size,
            other.tables[name].reals,
            other.tables[name].weights,
        )
    for family in ("index4", "index6"):
        assert np.array_equal(getattr(one, family).displacements, getattr(other, family).displacements)


def test_it_is_what_reading_it_gives(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.json", SERVICES, seed=77, vlans={"10.0.1.1": 10}, macs={"10.0.2.1": "02:00:00:00:00:01"}
    )
    first = loaded(path)
    again = loaded(path, first)
    for each in (first, again):
        same(each.document, read(path))
        assert each.plans == compile_checks(read(path))


def test_what_did_not_change_stays_the_same_object(tmp_path: Path) -> None:
    first = loaded(write(tmp_path / "a.json", SERVICES))
    changed = {**SERVICES, "192.0.2.2:80:tcp": {"10.0.2.1": 1, "10.0.2.99": 1}}
    second = loaded(write(tmp_path / "b.json", changed), first)
    before, after = first.document.services, second.document.services
    assert {str(key) for key in after if after[key] is not before[key]} == {"192.0.2.2:80:tcp"}
    kept = [name for name in second.plans if name[0] != next(k for k in after if k.address == "192.0.2.2")]
    assert len(kept) == 32
    assert all(second.plans[name] is first.plans[name] for name in kept)
    assert "10.0.2.5" not in second.document.neighbors
    same(second.document, read(tmp_path / "b.json"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "truncated"),
        (b"services:\n", "not JSON"),
        (b'{"version": 9}', "version 9 of the document is not supported"),
    ],
)
def test_the_reason_comes_back(tmp_path: Path, content: bytes, words: str) -> None:
    first = loaded(write(tmp_path / "a.json", SERVICES))
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)
    for before in (None, first):
        with pytest.raises(Vc5Error, match=words) as caught:
            loaded(bad, before)
        assert caught.value.hint


def test_a_check_that_nobody_can_make_is_refused(tmp_path: Path) -> None:
    first = loaded(write(tmp_path / "a.json", SERVICES))
    raw = raw_document(Spec(SERVICES))
    raw["services"]["192.0.2.1:80:tcp"]["reals"]["10.0.1.1:80"]["checks"] = [{"type": "oracle"}]
    bad = tmp_path / "bad.json"
    bad.write_bytes(file_content(sealed(raw)))
    with pytest.raises(Vc5Error, match="'oracle' are not supported"):
        loaded(bad, first)


def starting(monkeypatch: pytest.MonkeyPatch, then: Callable[[int], None]) -> None:
    """Have `then` done to every process that reads a document, by its id, as soon as it is there."""
    start = subprocess.Popen

    def popen(command: list[str], **named: int) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = start(command, **named)  # type: ignore[call-overload]
        then(process.pid)
        return process

    monkeypatch.setattr(loading_module.subprocess, "Popen", popen)


def test_a_process_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel does when memory runs out."""
    path = write(tmp_path / "a.json", SERVICES)
    first = loaded(path)
    starting(monkeypatch, lambda process: os.kill(process, signal.SIGKILL))
    with pytest.raises(Vc5Error, match="ended by SIGKILL") as caught:
        loaded(path, first)
    assert "memory" in caught.value.hint


def test_the_event_loop_goes_on_and_nothing_is_left_when_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.json", SERVICES)
    first = loaded(path)
    starting(monkeypatch, lambda process: os.kill(process, signal.SIGSTOP))  # reading takes for ever

    async def main() -> None:
        task = asyncio.create_task(Loading(path).next(first))
        await asyncio.sleep(0.5)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begin = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begin < 10
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not [each for each in children if b"vc5d.loading" in Path(f"/proc/{each}/cmdline").read_bytes()]


def test_it_is_the_first_to_go_when_memory_runs_out(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vc5d.loading", str(tmp_path / "a.json")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)  # waits for what the daemon has
    try:
        score = Path(f"/proc/{process.pid}/oom_score_adj")
        end = time.monotonic() + 10
        while score.read_text() != "800\n":
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        process.kill()
        process.communicate()
