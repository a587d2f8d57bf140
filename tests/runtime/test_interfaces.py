"""What is said of an interface on which the program would not do what is expected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import wire as wires
from fake_dataplane import FakeDataplane
from vc5d import log
from vc5d.network.ethtool import driver
from vc5d.network.interfaces import Interfaces
from vc5d.plane import PlaneThread
from wire import Wire

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    yield from wires.made()


def attached(name: str, mode: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The log of attaching; the dataplane attaches in native mode, whatever was asked for."""
    log.setup("info")
    plane = PlaneThread()
    asyncio.run(Interfaces(plane, FakeDataplane(), (name,), mode).attach())
    plane.close()
    return capsys.readouterr().err


def test_the_driver_of_an_interface(wire: Wire) -> None:
    assert driver("eth10") == "veth"
    assert driver("lo") == ""
    assert driver("nowhere") == ""


def test_another_mode_than_the_one_asked_for_is_told(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    assert "interface.mode interface=eth10 mode=native wanted=generic" in attached("eth10", "generic", capsys)
    assert "interface.mode" not in attached("eth10", "native", capsys)
    assert "interface.mode" not in attached("eth10", "auto", capsys)


def test_a_veth_in_native_mode_is_told(wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
    assert "warning interface.veth interface=eth10" in attached("eth10", "auto", capsys)
    assert "interface.veth" not in attached("lo", "auto", capsys)
