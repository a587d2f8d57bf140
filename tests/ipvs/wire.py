"""A veth in a namespace of its own: a load balancer at one end, generator and judge at the other."""

from __future__ import annotations

import ctypes
import platform
import socket
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
from vc5d.xdp import libbpf, link
from vc5d.xdp.bpf import Array, Object
from vc5d.xdp.libbpf import check, library

from tests.bpf.packets import BALANCER as BALANCER_MAC
from tests.bpf.packets import ethernet, ipv4, tcp

CLONE_NEWNET = 0x40000000  # linux/sched.h
LIVE_FRAMES = 2  # BPF_F_TEST_XDP_LIVE_FRAMES
HERE, THERE = "vc5in", "vc5gen"  # the load balancer's end, the generator's
VIP = "192.0.2.80"
BATCH = 32  # frames a burst: both ways through the stack have room for them
LENGTH = 66
FLOWS = 1 << 18  # that the judge knows
FLAGS = {"S": 2, "A": 16}
PLAN = np.dtype(
    [
        ("made", "<u8"),
        ("random", "<u8"),
        ("first", "<u4"),
        ("flows", "<u4"),
        ("flags", "u1"),
        ("pad", "u1", 7),
        ("frame", "u1", 72),
    ]
)
_COUNT = np.dtype("<u8")
_SETTINGS = {
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv4/ip_forward": 1,
}


def run(command: str) -> str:
    done = subprocess.run(command.split(), check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.returncode, f"`{command}` failed: {done.stderr.strip()}")
    return done.stdout


class Wire:
    """To be used by the thread that makes it, which is alone in a network namespace from then on."""

    def __init__(self, built: Path) -> None:
        """built: wire.bpf.c's object."""
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "no network namespace can be made")
        for name, value in _SETTINGS.items():
            (Path("/proc/sys/net") / name).write_text(str(value))
        run(f"ip link add {HERE} address {BALANCER_MAC.hex(':')} type veth peer name {THERE}")
        run(f"ip link set {HERE} addrgenmode none up")
        run(f"ip link set {THERE} addrgenmode none up")
        # As a network card's driver: frames are polled, also where no program is.
        run(f"ethtool -K {HERE} gro on")
        run(f"ethtool -K {THERE} gro on")
        self._object = Object(built, {"reached": FLOWS})
        self.reached: Array = self._object.maps["reached"].mapped(_COUNT)
        self._ended: Array = self._object.maps["ended"].mapped(_COUNT)
        self._there = socket.if_nametoindex(THERE)
        self._end: link.Link | None = None
        self._frames: dict[str, Array] = {}

    def end_with(self, program: str) -> None:
        """What becomes of frames that come out: `judge` or `drop`."""
        if self._end:
            self._end.detach()
            self._end.close()
        self._end = link.create(self._object.program(program), self._there, THERE, "native")

    def swallow(self) -> link.Link:
        """A load balancer that drops everything: what the wire alone costs. To be detached by the caller."""
        index = socket.if_nametoindex(HERE)
        return link.create(self._object.program("drop"), index, HERE, "native")

    @property
    def ended(self) -> int:
        """Frames that have come out, or were swallowed."""
        return int(self._ended[0])

    def send(self, count: int, flags: str, first: int, flows: int, mixed: bool = False, to: str = VIP) -> int:
        """So many frames of flows from `first` on, in turn or mixed. Returns when the last one was sent; on a
        machine of one CPU it has then been dealt with, too. Nanoseconds a frame, by the kernel's own watch:
        beginning and ending, with grace periods to wait for, are not in it."""
        plan = np.zeros((), PLAN)
        plan["random"] = 0x9E3779B97F4A7C15 if mixed else 0
        plan["first"], plan["flows"], plan["flags"] = first, flows, FLAGS[flags]
        packet = ethernet(ipv4(tcp(40000, 80, flags, bytes(12)), dst=to, src="10.0.0.0"))
        plan["frame"] = np.frombuffer(packet.ljust(72, b"\0"), "u1")
        self._object.maps["plans"].update(bytes(4), plan.tobytes())
        context = struct.pack("<6I", 0, LENGTH, 0, self._there, 0, 0)
        source, given = ctypes.create_string_buffer(LENGTH), ctypes.create_string_buffer(context, 24)
        opts = libbpf.TestRunOpts(sz=ctypes.sizeof(libbpf.TestRunOpts), repeat=count)
        opts.data_in, opts.data_size_in = ctypes.addressof(source), LENGTH
        opts.ctx_in, opts.ctx_size_in = ctypes.addressof(given), 24
        opts.flags, opts.batch_size = LIVE_FRAMES, BATCH
        program = self._object.program("generate")
        check(library().bpf_prog_test_run_opts(program, ctypes.byref(opts)), "live frames")
        return int(opts.duration)

    def where(self, flags: str, first: int, flows: int) -> Array:
        """One packet of each flow: the real that it came to, 0: none."""
        self.reached[first : first + flows] = 0
        before = self.ended
        self.send(flows, flags, first, flows)
        until(lambda: self.ended - before >= flows, 0.5)
        return self.reached[first : first + flows].copy()

    def close(self) -> None:
        if self._end:
            self._end.close()
        self._object.close()
        run(f"ip link del {HERE}")


def until(ready: object, seconds: float) -> None:
    """Until it is so, or for so long."""
    assert callable(ready)
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.001)


def build(folder: Path) -> Path:
    source, target = Path(__file__).with_name("wire.bpf.c"), folder / "wire.bpf.o"
    include = f"/usr/include/{platform.machine()}-linux-gnu"
    flags = ["-O2", "-g", "-Wall", "-Werror", "-target", "bpf", "-isystem", include]
    subprocess.run(["clang", *flags, "-c", source, "-o", target], check=True)
    return target
