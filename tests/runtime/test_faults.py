"""What breaks under a running vc5d and is nobody else's test: docs/faults.md lists them all."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import test_daemon_kernel as kernel
import wire as wires
from test_control import run, say
from test_daemon_kernel import Host, installed  # noqa: F401  the fixture
from vc5d import host
from vc5d.errors import Vc5Error
from vc5d.operator.control import Control
from vc5d.operator.drains import DrainFile, Drains, Target
from wire import Wire, output, until

STATUS = b'{"command": "status"}\n'


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    if not host.default_object().exists():
        pytest.skip(f"needs {host.default_object()}: make build")
    for made in wires.made():
        made.serve(made.real1, 80)
        made.serve(made.real2, 80)
        yield made


@pytest.mark.lab
@pytest.mark.bpf
def test_pins_that_somebody_removes_are_put_back(installed: Host) -> None:  # noqa: F811
    daemon = installed.start()
    until(installed.announced)
    before = sorted(path.name for path in installed.pins.iterdir())
    assert "link_eth10" in before
    for some in (["link_eth10"], ["slots", "program"], before):
        for name in some:
            (installed.pins / name).unlink()
        until(lambda: sorted(path.name for path in installed.pins.glob("*")) == before)
    daemon.kill()
    daemon.wait()
    assert "prog/xdp" in output("ip", "link", "show", "eth10"), "so it outlives vc5d"
    daemon = installed.start()
    until(installed.announced)
    assert kernel.reals(installed.status())[wires.REAL1]["state"] == "accepting"
    daemon.terminate()
    assert daemon.wait(10) == 0


def test_a_full_disk_changes_no_drain(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        file, one = DrainFile(disk), Drains(frozenset({Target("vip", vip="192.0.2.1")}))
        file.save(one)
        with pytest.raises(OSError, match="No space"):
            (disk / "filler").write_bytes(bytes(1 << 20))
        with pytest.raises(Vc5Error, match="cannot be written: No space left on device"):
            file.save(Drains(frozenset({Target("vip", vip=f"192.0.2.{n}") for n in range(250)})))
        assert DrainFile(disk).load() == one
        assert [path.name for path in disk.iterdir() if path.suffix == ".new"] == []
        (disk / "filler").unlink()
        file.save(Drains())
        assert DrainFile(disk).load() == Drains()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_control_client_that_never_reads_holds_up_nobody(tmp_path: Path) -> None:
    """It asks until no answer of its own fits into any buffer; the others are answered at once."""
    path = tmp_path / "s.sock"

    async def work(control: Control) -> None:
        _, writer = await asyncio.open_unix_connection(path)
        full = False
        while not full:
            writer.write(STATUS * 1000)
            try:
                async with asyncio.timeout(0.5):
                    await writer.drain()
            except TimeoutError:
                full = True
        begin = asyncio.get_running_loop().time()
        for _ in range(20):
            assert (await say(path, STATUS))["ok"]
        assert asyncio.get_running_loop().time() - begin < 1
        writer.transport.abort()

    run(path, work)


_CLIENT = """
import socket, sys, time
time.sleep(0.5)
asking = socket.socket(socket.AF_UNIX)
asking.settimeout(10)
asking.connect(sys.argv[1])
asking.sendall(b'{"command": "status"}\\n')
sys.stdout.write(asking.recv(4096).decode())
"""


def test_no_descriptors_for_control_clients(tmp_path: Path) -> None:
    """Who comes meanwhile waits; when there are some again, it is served."""
    path = tmp_path / "s.sock"

    async def work(control: Control) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        asking = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CLIENT, path, stdout=asyncio.subprocess.PIPE
        )
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # asyncio says so each time
        used = len(list(Path("/proc/self/fd").iterdir()))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1, hard))
        await asyncio.sleep(2)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        answer, _ = await asyncio.wait_for(asking.communicate(), 10)
        assert json.loads(answer) == {"ok": True, "result": {"answer": 42}}

    run(path, work)
