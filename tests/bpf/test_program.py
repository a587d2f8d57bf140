"""Loading, pinning, adopting, attaching: against the kernel, in a network namespace of its own."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5d.errors import Vc5Error
from vc5d.xdp import bpf
from vc5d.xdp.layout import Vc5Layout
from vc5d.xdp.program import Program

from .capacity import CAPACITY

pytestmark = pytest.mark.bpf

NAME = f"vc5t{os.getpid() % 100000}"
BPFFS = Path("/sys/fs/bpf")
CLONE_NEWNET = 0x40000000  # linux/sched.h
BAD = """
#define SEC(n) __attribute__((section(n), used))
struct ctx { unsigned data, end; };
SEC("xdp") int bad(struct ctx *c) { return *(char *)(long)c->data; }
char l[] SEC("license") = "GPL";
"""


@pytest.fixture
def pins(program: Program) -> Iterator[Path]:
    if not os.path.ismount(BPFFS):
        pytest.skip(f"{BPFFS} is no BPF file system: mount -t bpf bpf {BPFFS}")
    directory = BPFFS / f"vc5-{NAME}"
    yield directory
    for path in directory.glob("*"):
        path.unlink()
    if directory.exists():
        directory.rmdir()


@pytest.fixture
def namespace(program: Program) -> Iterator[None]:
    """This process in a network namespace of its own, which ends with the test."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNET):
        pytest.skip(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")
    yield
    assert libc.setns(before, CLONE_NEWNET) == 0
    os.close(before)


@pytest.fixture
def veth(namespace: None) -> Iterator[int]:
    """The index of a veth's end named NAME."""
    subprocess.run(["ip", "link", "add", NAME, "type", "veth", "peer", "name", f"{NAME}p"], check=True)
    yield socket.if_nametoindex(NAME)
    subprocess.run(["ip", "link", "del", NAME], check=False)


@pytest.fixture
def loaded(bpf_object: Path, program: Program) -> Iterator[Program]:
    fresh = Program.load(bpf_object, CAPACITY)
    yield fresh
    fresh.close()


def xdp_shown() -> str:
    shown = subprocess.run(
        ["ip", "-o", "link", "show", NAME], check=True, capture_output=True, text=True
    ).stdout
    return next((word for word in shown.split() if word.startswith("xdp")), "")


def test_adoption_keeps_everything(loaded: Program, pins: Path, veth: int) -> None:
    assert Program.open_pinned(pins) is None
    loaded.pin(pins)
    assert loaded.attach(veth, NAME) == "native"
    loaded.maps.reals["id"][5] = 77
    loaded.close()
    assert xdp_shown() == "xdp"
    adopted = Program.open_pinned(pins)
    assert adopted is not None
    assert adopted.maps.reals["id"][5] == 77
    assert adopted.maps.capacity == CAPACITY
    assert adopted.attached() == {NAME: "native"}
    assert adopted.attach(veth, NAME, "generic") == "native"  # what is attached stays as it is
    assert adopted.test_run(bytes(64))[0] == 2
    adopted.unpin()
    adopted.close()
    assert not pins.exists()
    assert xdp_shown() == ""


def test_another_layout_is_replaced_in_place(
    loaded: Program, pins: Path, veth: int, bpf_object: Path
) -> None:
    loaded.maps.control["layout"] = Vc5Layout.VERSION + 1
    loaded.pin(pins)
    loaded.attach(veth, NAME)
    assert Program.open_pinned(pins) is None
    newer = Program.load(bpf_object, CAPACITY)
    newer.pin(pins)
    assert newer.attach(veth, NAME) == "native"
    adopted = Program.open_pinned(pins)
    assert adopted is not None
    assert adopted.maps.control["layout"][0] == Vc5Layout.VERSION
    adopted.close()
    newer.close()


def test_half_a_set_of_pins_is_none(loaded: Program, pins: Path) -> None:
    loaded.pin(pins)
    (pins / "slots").unlink()
    assert Program.open_pinned(pins) is None


def test_detach(loaded: Program, veth: int) -> None:
    assert loaded.attach(veth, NAME, "generic") == "generic"
    assert xdp_shown() == "xdpgeneric"
    loaded.detach(NAME)
    loaded.detach(NAME)
    assert (loaded.attached(), xdp_shown()) == ({}, "")


def test_interface_that_came_again(loaded: Program, pins: Path, veth: int) -> None:
    """Its name is the old one's, its pinned link is dead: a new one takes its place."""
    loaded.pin(pins)
    loaded.attach(veth, NAME)
    subprocess.run(["ip", "link", "del", NAME], check=True)
    assert loaded.attached() == {NAME: ""}
    subprocess.run(["ip", "link", "add", NAME, "type", "veth", "peer", "name", f"{NAME}p"], check=True)
    assert loaded.attach(socket.if_nametoindex(NAME), NAME) == "native"
    assert xdp_shown() == "xdp"


def test_dots_in_names(loaded: Program, pins: Path, veth: int) -> None:
    """VLAN devices have dots in their names, which bpffs refuses."""
    subprocess.run(["ip", "link", "set", NAME, "name", "vc5t.10"], check=True)
    try:
        loaded.pin(pins)
        assert loaded.attach(veth, "vc5t.10") == "native"
        assert loaded.attached() == {"vc5t.10": "native"}
        loaded.detach("vc5t.10")
    finally:
        subprocess.run(["ip", "link", "set", "vc5t.10", "name", NAME], check=True)


def test_refusals(namespace: None, loaded: Program, bpf_object: Path, tmp_path: Path) -> None:
    with pytest.raises(Vc5Error, match=r"^lo: XDP cannot be attached \(native: Operation not supported\)"):
        loaded.attach(1, "lo", "native")
    with pytest.raises(Vc5Error, match=r"^nothere: XDP cannot be attached"):
        loaded.attach(999999, "nothere")
    with pytest.raises(Vc5Error, match="there is no such BPF object"):
        Program.load(tmp_path / "none.o", CAPACITY)
    (tmp_path / "text.o").write_text("text")
    with pytest.raises(Vc5Error, match=r"is no BPF object: .*not a proper ELF"):
        Program.load(tmp_path / "text.o", CAPACITY)
    with pytest.raises(Vc5Error, match="has no map other"):
        bpf.Object(bpf_object, {"other": 1})


def test_pins_need_bpffs(loaded: Program, tmp_path: Path) -> None:
    with pytest.raises(Vc5Error, match="cannot be pinned") as caught:
        loaded.pin(tmp_path / "pins")
    assert "mount -t bpf" in caught.value.hint


def test_verifier_cause_comes_first(
    tmp_path: Path, program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    """A program that reads beyond the packet: the reason first, then the log's end; nothing is printed."""
    source, built = tmp_path / "bad.c", tmp_path / "bad.o"
    source.write_text(BAD)
    try:
        subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", built], check=True)
    except FileNotFoundError:
        pytest.skip("clang is not installed")
    with pytest.raises(Vc5Error) as caught:
        bpf.Object(built, {})
    first, *rest = caught.value.message.splitlines()
    assert first.endswith("R1 offset is outside of the packet (Permission denied)")
    assert any("processed" in line for line in rest)
    assert len(rest) <= 8
    assert capfd.readouterr() == ("", "")
