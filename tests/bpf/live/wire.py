"""A veth in a namespace of its own: the program under test at one end, generator and judge at the other."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vc5d.xdp import libbpf, link
from vc5d.xdp.bpf import Object
from vc5d.xdp.libbpf import check, library

from ..packets import V4, V6, ethernet, tcp

CLONE_NEWNET = 0x40000000  # linux/sched.h
LIVE_FRAMES = 2  # BPF_F_TEST_XDP_LIVE_FRAMES
CHUNK, BATCH = 4096, 32  # frames a call; frames a burst, far fewer than a veth's ring has room for
BALANCER, OTHER = "vc5live0", "vc5live1"
PLAN = np.dtype(
    [
        ("made", "<u8"),
        ("random", "<u8"),
        ("flows", "<u4"),
        ("flood", "<u4"),
        ("flooded", "<u8"),
        ("idle_ns", "<u8"),
        ("flags", "u1"),
        ("pad", "u1", 7),
        ("frame4", "u1", 72),
        ("frame6", "u1", 88),
    ]
)
BAN = np.dtype([("first", "<u8"), ("any", "<u8")])
HOME = np.dtype([("last_ns", "<u8"), ("real", "<u8")])
FAULT = np.dtype("<u8,<u8,<u4,<u4,<u4,<u4")
FAULT.names = ("what", "made_ns", "source", "real", "flags", "home")
FLAGS = {"S": 2, "A": 16}


@dataclass(frozen=True)
class Found:
    """What the judge saw, and the first frame that was wrong."""

    received: int
    banned: int
    broken: int
    torn: int
    rested: int
    fault: str


class Wire:
    """To be used by the thread that makes it, which is alone in a network namespace from then on."""

    def __init__(self, folder: Path, flows: int, lifetime: float) -> None:
        """`flows` of each family, which are remembered for `lifetime` seconds."""
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "no network namespace can be made")
        for command in (
            f"ip link add {BALANCER} type veth peer name {OTHER}",
            f"ip link set {BALANCER} addrgenmode none up",
            f"ip link set {OTHER} addrgenmode none up",
        ):
            subprocess.run(command.split(), check=True)
        self._object = Object(_built(folder), {"homes": 2 * flows})
        self.flows, self.sent = flows, 0
        self.bans = self._object.maps["bans"].mapped(BAN)
        self.homes = self._object.maps["homes"].mapped(HOME)
        self._ifindex = socket.if_nametoindex(OTHER)
        self._judge = link.create(self._object.program("judge"), self._ifindex, OTHER, "native")
        self._plan = np.zeros((), PLAN)
        self._plan["random"] = 0x9E3779B97F4A7C15
        self._plan["idle_ns"] = int(lifetime * 0.9e9)
        self.set_up("A")

    def set_up(self, flags: str, flood: int = 0) -> None:
        """What is sent from now on; nothing may be under way. `flood`: of 256 frames, so many are spoofed."""
        plan = self._plan
        if self.sent:
            plan = np.frombuffer(self._object.maps["plans"].read(bytes(4)), PLAN)[0].copy()
        plan["flows"], plan["flood"], plan["flags"] = self.flows, flood, FLAGS[flags]
        for name, family in (("frame4", V4), ("frame6", V6)):
            frame = ethernet(family.ip(tcp(40000, 80, flags, bytes(12))))
            plan[name] = np.frombuffer(frame.ljust(PLAN[name].shape[0], b"\0"), "u1")
        self._object.maps["plans"].update(bytes(4), plan.tobytes())

    def send(self, frames: int) -> None:
        """Returns when all are on their way; the last ones may not have come back yet."""
        packet, context = bytes(86), struct.pack("<6I", 0, 86, 0, self._ifindex, 0, 0)
        source, given = ctypes.create_string_buffer(packet, 86), ctypes.create_string_buffer(context, 24)
        opts = libbpf.TestRunOpts(sz=ctypes.sizeof(libbpf.TestRunOpts), repeat=frames)
        opts.data_in, opts.data_size_in = ctypes.addressof(source), 86
        opts.ctx_in, opts.ctx_size_in = ctypes.addressof(given), 24
        opts.flags, opts.batch_size = LIVE_FRAMES, BATCH
        program = self._object.program("generate")
        check(library().bpf_prog_test_run_opts(program, ctypes.byref(opts)), "live frames")
        self.sent += frames

    def flooded(self) -> int:
        """Spoofed frames made so far."""
        return int(np.frombuffer(self._object.maps["plans"].read(bytes(4)), PLAN)[0]["flooded"])

    def found(self) -> Found:
        """When all that was sent has come back, or a second later."""
        end = time.monotonic() + 1
        while (numbers := self._numbers())[0] < self.sent and time.monotonic() < end:
            time.sleep(0.01)
        fault = np.frombuffer(self._object.maps["faults"].read(bytes(4)), FAULT)[0]
        shown = {name: int(fault[name]) for name in FAULT.names or ()} if fault["what"] else ""
        return Found(*numbers, str(shown))

    def _numbers(self) -> list[int]:
        return [int(n) for n in self._object.maps["found"].read_percpu(np.dtype("<u8")).sum(axis=1)]

    def close(self) -> None:
        self._judge.close()
        self._object.close()
        subprocess.run(["ip", "link", "del", BALANCER], check=False)


class Traffic(threading.Thread):
    """Sends until it is told to stop. Begun by the wire's thread, so that it is in the same namespace."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(daemon=True)
        self.wire, self._stop_now = wire, threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            while not self._stop_now.is_set():
                self.wire.send(CHUNK)
        except BaseException as failure:
            self.failure = failure

    def stop(self) -> None:
        self._stop_now.set()
        self.join()
        if self.failure:
            raise self.failure


def _built(folder: Path) -> Path:
    source, target = Path(__file__).with_name("live.bpf.c"), folder / "live.bpf.o"
    include = f"/usr/include/{platform.machine()}-linux-gnu"
    flags = ["-O2", "-g", "-Wall", "-Werror", "-target", "bpf", "-isystem", include]
    subprocess.run(["clang", *flags, "-c", source, "-o", target], check=True)
    return target
