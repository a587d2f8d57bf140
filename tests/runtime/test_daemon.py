"""The daemon as a whole, with a dataplane that only remembers: documents, signals, checks, announcements."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import wire as wires
from fake_dataplane import REFUSED, FakeDataplane
from pyroute2.netlink.exceptions import NetlinkError
from support.documents import file_content
from vc5d import ctl, log
from vc5d.daemon import Daemon
from vc5d.errors import Vc5Error
from vc5d.network import sight, vlans
from vc5d.options import Options
from vc5d.web.listen import Listen
from vc5d.xdp.layout import RealState
from wire import REAL1, REAL2, VIP, Wire, output, raw_document

pytestmark = pytest.mark.lab

UP, DRAINING, DOWN = RealState.ACCEPTING, RealState.DRAINING, RealState.DOWN
ALIVE = {"type": "http", "path": "/alive"}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    for made in wires.made():
        made.serve(made.real1, 80)
        made.serve(made.real2, 80)
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_left(wire: Wire) -> Iterator[None]:
    yield
    assert len(output("ip", "rule").splitlines()) == 3
    assert announced() == []
    assert ": vc5:" not in output("ip", "link")


def announced() -> list[str]:
    routes = output("ip", "route", "show", "table", "all").splitlines()
    return [line.split()[0] for line in routes if "table 205" in line]


class Scene:
    """A daemon under way: its document's file, its dataplane, and ways to wait."""

    def __init__(self, directory: Path, grace: float = 0.0) -> None:
        self.grace = grace
        self.document = directory / "config.json"
        self.socket = directory / "vc5d.sock"
        self.dataplane = FakeDataplane()
        self.daemon = Daemon(self.options("eth10"), self.dataplane.open)
        self.running: asyncio.Task[None] | None = None

    def options(self, *interfaces: str) -> Options:
        return Options(
            document=self.document,
            interfaces=interfaces,
            pin_dir=Path("/nowhere"),
            socket=self.socket,
            object=Path("/nowhere/vc5.bpf.o"),
            mode="auto",
            table=205,
            tun="vc5",
            announce=True,
            state_dir=self.document.parent / "state",
            grace=self.grace,
            web=Listen("127.0.0.1", 8005),
        )

    def write(self, check: dict[str, Any] = ALIVE, **changes: object) -> str:
        """Write a document; its digest."""
        raw = raw_document(check, **changes)
        self.document.write_bytes(file_content(raw))
        return str(raw["digest"])

    async def ask(self, command: str, **values: Any) -> Any:
        return await asyncio.to_thread(lambda: ctl.ask(self.socket, command, **values))

    async def states(self, first: RealState, second: RealState) -> None:
        await self.until(lambda: self.dataplane.states == {REAL1: first, REAL2: second})

    async def reason(self, real: str) -> str:
        status = await self.ask("status")
        return str(status["services"][f"{VIP}:80:tcp"]["reals"][real]["reason"])

    @staticmethod
    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):  # a reload starts a process
            while not condition():
                await asyncio.sleep(0.02)


def play(
    directory: Path, work: Callable[[Scene], Awaitable[None]], grace: float = 0.0, **changes: object
) -> Scene:
    """Runs the daemon, then `work` beside it, then SIGTERM."""

    async def main() -> Scene:
        scene = Scene(directory, grace)
        scene.write(**changes)
        running = scene.running = asyncio.create_task(scene.daemon.run())
        try:
            await scene.until(lambda: scene.dataplane.ticks > 0 or running.done())
            await work(scene)
        finally:
            if not running.done():
                os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(running, 5)
        return scene

    return asyncio.run(main())


def test_a_life(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        plane = scene.dataplane
        await scene.states(UP, UP)
        await scene.until(lambda: announced() == [VIP])
        assert plane.attached == [("eth10", "auto")]
        await scene.until(lambda: all(plane.links[real][0] for real in (REAL1, REAL2)))
        assert plane.links[REAL1][1:] == (0, socket.if_nametoindex("eth10")), "untagged on the attached one"
        assert plane.links[REAL2][1:] == (20, 0)
        status = await scene.ask("status")
        assert status["digest"] == plane.applied[0]
        assert status["announced"] == [VIP]
        assert status["services"][f"{VIP}:80:tcp"]["reals"][REAL1]["reason"] == "HTTP 200"
        plane.at_close = lambda: withdrawn.append(announced() == [])

    withdrawn: list[bool] = []
    scene = play(tmp_path, work)
    assert withdrawn == [True], "first of all, the VIPs"
    assert scene.dataplane.closed
    assert not scene.dataplane.uninstalled, "it goes on forwarding"
    assert not scene.socket.exists()


@pytest.mark.parametrize("how", ["SIGHUP", "SIGUSR2", "vc5ctl"])
def test_reload(wire: Wire, tmp_path: Path, how: str) -> None:
    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        await scene.until(lambda: announced() == [VIP])
        digest = scene.write(disabled=(REAL2,))
        if how == "vc5ctl":
            assert await scene.ask("reload") == {"digest": digest, "changed": True}
        else:
            os.kill(os.getpid(), signal.Signals[how])
        await scene.states(UP, DRAINING)
        assert scene.dataplane.applied[-1] == digest
        assert announced() == [VIP], "its checks did not change, so nothing was forgotten"

    play(tmp_path, work)


def test_a_bad_document_changes_nothing(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        good = scene.dataplane.applied[-1]
        for content, reason in (
            (b'{"version": 1, "services":', "config.json"),
            (file_content(raw_document(ALIVE)).replace(b"/alive", b"/dead"), "digest"),
            (file_content(raw_document({"type": "http", "verify": True})), "no certificate to verify"),
        ):
            scene.document.write_bytes(content)
            with pytest.raises(Vc5Error, match=reason):
                await scene.ask("reload")
            status = await scene.ask("status")
            assert reason in status["reload_failure"]["message"]
            assert status["digest"] == good
        scene.document.unlink()
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.2)
        assert scene.dataplane.applied == [good]
        assert scene.dataplane.states == {REAL1: UP, REAL2: UP}
        assert announced() == [VIP]
        scene.write()
        await scene.ask("reload")
        assert (await scene.ask("status"))["reload_failure"] is None

    play(tmp_path, work)


def test_a_dataplane_that_refuses_changes_nothing(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        scene.write(disabled=(REAL1,))
        for failure, said in ((REFUSED, "no room for it"), (ZeroDivisionError("oh"), "defect")):
            scene.dataplane.refuse["apply"] = failure
            with pytest.raises(Vc5Error) as caught:
                await scene.ask("reload")
            assert said in str(caught.value)
        await asyncio.sleep(0.2)
        assert scene.dataplane.states == {REAL1: UP, REAL2: UP}

    play(tmp_path, work)


def test_a_kernel_that_refuses_after_the_flip_is_asked_again(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document is live by then: its checks begin, and what failed is made good."""
    asked = []

    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        find = vlans.find

        async def refuses_once(*arguments: Any) -> vlans.Places:
            asked.append(arguments)
            if len(asked) == 1:
                raise NetlinkError(errno.EBUSY, "busy")
            return await find(*arguments)

        monkeypatch.setattr(vlans, "find", refuses_once)
        digest = scene.write({**ALIVE, "path": "/missing"})
        done = await scene.ask("reload")
        assert done == {"digest": digest, "changed": True}
        await scene.states(DOWN, DOWN)
        await scene.until(lambda: len(asked) > 1)

    play(tmp_path, work)


def test_a_failing_check_and_the_need_of_a_service(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        scene.write(need=2)
        await scene.ask("reload")
        scene.write(need=2, disabled=(REAL2,))
        await scene.ask("reload")
        await scene.until(lambda: announced() == [])
        scene.write(need=1, disabled=(REAL2,))
        await scene.ask("reload")
        await scene.until(lambda: announced() == [VIP])
        scene.write({"type": "http", "path": "/503"})
        await scene.ask("reload")
        await scene.states(DOWN, DOWN)
        await scene.until(lambda: announced() == [])
        assert await scene.reason(REAL1) == "HTTP 503, expected 200"

    play(tmp_path, work)


def test_an_address_that_vanishes_and_comes_back(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        output("ip", "address", "del", "10.66.20.1/24", "dev", "eth20")
        await scene.states(UP, DOWN)
        async with asyncio.timeout(15):  # a reload starts a process
            while "VLAN 20" not in await scene.reason(REAL2):  # at first: network is unreachable
                await asyncio.sleep(0.05)
        output("ip", "address", "add", "10.66.20.1/24", "dev", "eth20")
        await scene.states(UP, UP)

    play(tmp_path, work)


def test_a_vip_that_this_host_holds_itself(wire: Wire, tmp_path: Path) -> None:
    """The checks would ask this host, whatever the reals are doing, and here somebody answers them."""

    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        server = wire.serve(wire.lb, 80)
        output("ip", "address", "add", f"{VIP}/32", "dev", "lo")
        try:
            await scene.states(DOWN, DOWN)
            assert await scene.reason(REAL1) == (
                f"{VIP} is an address of this host too: a check would ask this host itself"
            )
        finally:
            output("ip", "address", "del", f"{VIP}/32", "dev", "lo")
            server.kill()
        await scene.states(UP, UP)

    play(tmp_path, work)


def test_a_device_that_somebody_sets_down_or_removes(wire: Wire, tmp_path: Path) -> None:
    """Down, it comes up again; gone, vc5d ends, so that its manager starts it with a new one."""

    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        output("ip", "link", "set", "vc5", "down")
        assert announced() == []
        scene.daemon._announcing.look_again()  # not to wait for the next look
        await scene.until(lambda: announced() == [VIP])
        output("ip", "link", "del", "vc5")
        scene.daemon._announcing.look_again()
        assert scene.running
        await scene.until(scene.running.done)

    with pytest.raises(Vc5Error, match="No such device"):
        play(tmp_path, work)


def test_a_part_that_breaks_ends_the_daemon(wire: Wire, tmp_path: Path) -> None:
    """Its manager starts it anew; the routes are withdrawn, the program forwards on."""

    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        scene.dataplane.refuse["tick"] = ZeroDivisionError("oh")
        assert scene.running
        await scene.until(scene.running.done)
        ended.append("by itself")

    ended: list[str] = []
    with pytest.raises(Vc5Error, match="ended by a defect"):
        play(tmp_path, work)
    assert ended == ["by itself"]


def test_another_program_in_place_of_ours_ends_the_daemon(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new one takes what is pinned: here a start helps."""

    monkeypatch.setattr(sight, "EVERY", 0.1)

    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        scene.dataplane.taken = ["eth10"]
        assert scene.running
        await scene.until(scene.running.done)

    with pytest.raises(Vc5Error, match="eth10: another program was put in place"):
        play(tmp_path, work)


@pytest.mark.parametrize("adopted", [False, True])
def test_a_start_that_fails_leaves_nothing_half_done(wire: Wire, tmp_path: Path, adopted: bool) -> None:
    async def main() -> None:
        scene = Scene(tmp_path)
        scene.write()
        scene.dataplane.adopted = adopted
        scene.dataplane.refuse["attach"] = REFUSED
        with pytest.raises(Vc5Error, match="no room for it"):
            await scene.daemon.run()
        assert scene.dataplane.uninstalled is not adopted
        assert scene.dataplane.closed
        assert not scene.socket.exists()

    asyncio.run(main())


def test_a_second_daemon_is_refused_before_it_touches_anything(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        second = FakeDataplane()
        with pytest.raises(Vc5Error, match="another vc5d is running"):
            await Daemon(scene.options("eth10"), second.open).run()
        assert second.applied == []
        scene.daemon._listen_to_signals()  # only here do two share a process
        assert (await scene.ask("status"))["digest"] == scene.dataplane.applied[0]

    play(tmp_path, work)


def test_the_service_manager_is_told(wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "5000000")

        async def work(scene: Scene) -> None:
            await scene.ask("reload")

        play(tmp_path, work)
        manager.setblocking(False)
        told = []
        try:
            while True:
                told.append(manager.recv(1024).decode())
        except BlockingIOError:
            pass
    assert [each.splitlines()[0] for each in told if each != "WATCHDOG=1"] == [
        "READY=1",
        "RELOADING=1",
        "READY=1",
        "STOPPING=1",
    ]
    assert "MONOTONIC_USEC=" in next(each for each in told if each.startswith("RELOADING"))
    assert "WATCHDOG=1" in told


def test_json_of_a_status_is_json(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        json.dumps(await scene.ask("status"))

    play(tmp_path, work)


@pytest.mark.parametrize("adopted", [False, True])
def test_sigterm_during_the_start_undoes_it(wire: Wire, tmp_path: Path, adopted: bool) -> None:
    """The system's own way to die would leave socket, pins and a program that drops everything."""

    async def main() -> None:
        scene = Scene(tmp_path)
        scene.write()
        scene.dataplane.adopted = adopted
        scene.dataplane.slow["apply"] = 0.5
        running = asyncio.create_task(scene.daemon.run())
        await scene.until(scene.socket.exists)
        await asyncio.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 5)
        assert scene.dataplane.applied, "what was begun came to its end"
        assert scene.dataplane.attached == []
        assert scene.dataplane.uninstalled is not adopted
        assert scene.dataplane.closed
        assert not scene.socket.exists()

    asyncio.run(main())


def test_sighup_during_the_start_reloads_after_it(wire: Wire, tmp_path: Path) -> None:
    async def main() -> None:
        scene = Scene(tmp_path)
        scene.write()
        scene.dataplane.slow["apply"] = 0.3
        running = asyncio.create_task(scene.daemon.run())
        await scene.until(scene.socket.exists)
        digest = scene.write(disabled=(REAL2,))
        os.kill(os.getpid(), signal.SIGHUP)
        await scene.until(lambda: scene.dataplane.applied[-1:] == [digest])
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 5)

    asyncio.run(main())


def test_sigterm_during_a_reload(wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes go at once; the reload comes to its end before what it works with is taken away."""
    monkeypatch.setattr(log, "defect", lambda event, failure: defects.append(failure))
    defects: list[BaseException] = []

    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        scene.dataplane.slow["apply"] = 0.5
        digests.append(scene.write(disabled=(REAL2,)))
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)
        await scene.until(lambda: announced() == [])
        assert len(scene.dataplane.applied) == 1, "not done yet"
        scene.dataplane.at_close = lambda: at_close.append(dict(scene.dataplane.states))

    digests: list[str] = []
    at_close: list[dict[str, RealState]] = []
    scene = play(tmp_path, work)
    assert scene.dataplane.applied[1:] == digests
    assert at_close == [{REAL1: UP, REAL2: DRAINING}]
    assert defects == []


def test_what_the_fleet_has_begun_ends_before_what_it_works_with(wire: Wire, tmp_path: Path) -> None:
    """To learn from a peer, say: in the end the maps are closed, and nothing that is asked of the dataplane's
    thread is done any more."""

    async def work(scene: Scene) -> None:
        def use() -> None:
            used.append(scene.dataplane.closed)

        async def learn() -> None:
            while not any(used[-1:]):
                await scene.daemon._plane.do(use)

        scene.dataplane.at_close = lambda: time.sleep(0.2)
        scene.daemon._spawn(learn())
        await scene.until(lambda: bool(used))

    used: list[bool] = []
    scene = play(tmp_path, work)
    assert scene.dataplane.closed
    assert not any(used)


def test_nothing_is_announced_while_an_interface_is_there_without_the_program(
    wire: Wire, tmp_path: Path
) -> None:
    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        scene.dataplane.refuse["attach"] = REFUSED
        scene.dataplane.lost.add("eth10")
        await scene.until(lambda: announced() == [])
        await scene.until(lambda: announced() == [VIP])
        assert scene.dataplane.attached == [("eth10", "auto")] * 2
        assert (await scene.ask("status"))["interfaces"] == {"eth10": "native"}

    play(tmp_path, work)


def leaving() -> list[str]:
    """The VIPs that are announced with GRACEFUL_SHUTDOWN."""
    routes = output("ip", "route", "show", "table", "205", "proto", "206").splitlines()
    return [line.split()[0] for line in routes]


def test_an_operator_drains_a_real_and_it_stays_drained(wire: Wire, tmp_path: Path) -> None:
    real = {"kind": "real", "real": REAL1}

    async def drain(scene: Scene) -> None:
        await scene.states(UP, UP)
        answer = await scene.ask("drain", target=real)
        assert answer == {"target": f"real {REAL1}", "drained": [real]}
        await scene.states(DRAINING, UP)
        with pytest.raises(Vc5Error, match=f"would withdraw {VIP}: 0 of 1 needed"):
            await scene.ask("drain", target={"kind": "real", "real": REAL2})
        await scene.ask("reload")
        await scene.states(DRAINING, UP)
        assert announced() == [VIP]

    async def undrain(scene: Scene) -> None:
        await scene.states(DRAINING, UP)
        shown = (await scene.ask("status"))["services"][f"{VIP}:80:tcp"]["reals"]
        assert (shown[REAL1]["drained"], shown[REAL2]["drained"]) == (True, False)
        await scene.ask("undrain", target=real)
        await scene.states(UP, UP)
        with pytest.raises(Vc5Error, match="is not drained"):
            await scene.ask("undrain", target=real)

    play(tmp_path, drain)
    play(tmp_path, undrain)


def test_an_operator_drains_the_load_balancer(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        await scene.ask("drain", target={"kind": "host"})
        await scene.until(lambda: leaving() == [VIP])
        status = await scene.ask("status")
        assert status["vips"][VIP]["leaving"]
        assert status["vips"][VIP]["why"] == "drained: this load balancer"
        assert scene.dataplane.states == {REAL1: UP, REAL2: UP}, "what still arrives is forwarded"
        await scene.ask("undrain", target={"kind": "host"})
        await scene.until(lambda: leaving() == [] and announced() == [VIP])

    play(tmp_path, work)


def test_a_forced_drain_withdraws_the_vip(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        for real in (REAL1, REAL2):
            await scene.ask("drain", target={"kind": "real", "real": real}, force=True)
        await scene.until(lambda: announced() == [])

    play(tmp_path, work)


def test_a_vip_with_a_star_is_not_announced(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        scene.write(disabled_vip=True)
        await scene.ask("reload")
        await scene.until(lambda: announced() == [])
        assert "withdrawn" in (await scene.ask("status"))["vips"][VIP]["why"]

    play(tmp_path, work)


def test_no_vip_before_the_learning_period_is_over(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        started = asyncio.get_running_loop().time()
        assert "learning" in (await scene.ask("status"))["vips"][VIP]["why"]
        await scene.until(lambda: announced() == [VIP])
        assert asyncio.get_running_loop().time() - started > 0.3

    play(tmp_path, work, learn=1)


def test_without_the_fleets_secret_vips_are_announced_all_the_same(wire: Wire, tmp_path: Path) -> None:
    """Whoever forgot it wants to be told, and not to be off the air meanwhile."""

    async def work(scene: Scene) -> None:
        started = asyncio.get_running_loop().time()
        await scene.until(lambda: announced() == [VIP])
        assert asyncio.get_running_loop().time() - started < 5
        fleet = (await scene.ask("status"))["fleet"]
        assert not fleet["on"]
        assert fleet["why"] == "flows cannot be shared: there is no secret of the fleet"
        assert fleet["learned_why"] == fleet["why"]

    play(tmp_path, work, multicast="239.1.1.1:9999")


def test_at_the_end_the_vips_leave_before_they_go(wire: Wire, tmp_path: Path) -> None:
    seen: list[list[str]] = []

    async def work(scene: Scene) -> None:
        await scene.until(lambda: announced() == [VIP])
        os.kill(os.getpid(), signal.SIGTERM)
        await scene.until(lambda: leaving() == [VIP])
        seen.append(announced())

    play(tmp_path, work, grace=0.4)
    assert seen == [[VIP]]


def test_draining_by_the_command(wire: Wire, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def work(scene: Scene) -> None:
        async def vc5ctl(*words: str) -> int:
            return await asyncio.to_thread(ctl.main, ["--socket", str(scene.socket), *words])

        await scene.states(UP, UP)
        capsys.readouterr()
        heard.clear()
        service = f"{VIP}:80:tcp"
        assert await vc5ctl("drain", "real", REAL1, "--service", service) == 0
        assert capsys.readouterr().out == f"real {REAL1} of {service}: drained\n"
        await scene.states(DRAINING, UP)
        assert await vc5ctl("drain", "real", REAL1, "--service", service) == 0
        assert heard == ["control.asked", "drain", "control.asked"], "done once, and said who asked"
        assert await vc5ctl("drain", "real", REAL2) == 1
        assert "--force does it all the same" in capsys.readouterr().err
        assert await vc5ctl("drain", "real", "10.99.99.99") == 1
        assert "has no real 10.99.99.99" in capsys.readouterr().err
        assert await vc5ctl("undrain", "real", REAL1, "--service", service) == 0
        await scene.states(UP, UP)
        for words in (["vip", VIP], ["service", service], ["host"]):
            assert await vc5ctl("drain", *words, "--force") == 0
            assert await vc5ctl("undrain", *words) == 0

    heard = list[str]()
    log.setup("info", "text")
    asked = {"control.asked", "drain"}
    end = log.subscribe(lambda event, level, values, when: heard.append(event) if event in asked else None)
    play(tmp_path, work)
    end()


def test_metrics_and_status_by_http(wire: Wire, tmp_path: Path) -> None:
    async def work(scene: Scene) -> None:
        await scene.states(UP, UP)
        await scene.until(lambda: announced() == [VIP])
        await asyncio.sleep(0.6)  # a status answers all who ask within half a second
        async with aiohttp.ClientSession() as session:
            async with session.get("http://127.0.0.1:8005/status.json") as answer:
                assert (await answer.json())["vips"][VIP]["up"]
            async with session.get("http://127.0.0.1:8005/metrics") as answer:
                page = await answer.text()
        assert f'vc5_vip_announced{{vip="{VIP}"}} 1.0' in page
        assert f'vc5_real_up{{real="{REAL1}",service="{VIP}:80:tcp"}} 1.0' in page

    play(tmp_path, work)
