"""A vc5d of layout 1 as it left a host: its maps pinned and filled, its program on an interface.

Fills them from today's maps in memory, byte by byte as struct says, sharing no code with vc5d's own reading.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
from vc5d import link
from vc5d.bpf import Object, pin
from vc5d.maps import Maps

SOURCE = Path(__file__).parents[1] / "layout1" / "layout1.bpf.c"
HALF, LINES, REALS, SERVICES = 64, 256, 512, 16
SIZES = {
    "displacements4": 2 * 4,
    "services4": 2 * HALF,
    "slots": LINES,
    "reals": REALS,
    "real_counters": REALS,
    "service_states": SERVICES,
    "accepting": 128,
}
MAPS = (*SIZES, "control", "reasons", "grace", "flows4_tcp", "flows4_syn", "flows4_udp")


def compiled(directory: Path) -> Path:
    """The object, by the compiler that builds the other one."""
    built = directory / "layout1.bpf.o"
    include = subprocess.run(
        ["cc", "-print-multiarch"], capture_output=True, text=True, check=True
    ).stdout.strip()
    command = [
        "clang",
        "-O2",
        "-g",
        "-Wall",
        "-Werror",
        "-target",
        "bpf",
        "-isystem",
        f"/usr/include/{include}",
    ]
    subprocess.run([*command, "-c", SOURCE, "-o", built], check=True)
    return built


class OldHost:
    """Loaded; `fill` and `pin` do the rest. `close` leaves what is pinned."""

    def __init__(self, directory: Path) -> None:
        self._object = Object(compiled(directory), SIZES)
        self.maps, self.prog_fd = self._object.maps, self._object.program("vc5")

    def fill(self, today: Maps) -> None:
        """With the live generation of maps in memory, IPv4 only, that are no bigger."""
        live = int(today.control["live"][0])
        for name in ("slots", "accepting", "service_states"):
            source = getattr(today, name)
            self._array(name)[: source.nbytes] = source.view("u1")
        self._fill_reals(today)
        generation = today.control["generation"][0, live - 1]
        self._fill_index(today, generation["index4"], live - 1)
        header = struct.pack("<II", 1, live).ljust(64, b"\0")
        index = generation["index4"]
        described = struct.pack(
            "<QQQIIII",
            int(generation["seed"]),
            int(generation["flow_lifetime_ns"]),
            int(index["salt"]),
            int(index["buckets"]),
            int(index["size"]),
            (live - 1) * 4,
            (live - 1) * HALF,
        )
        described = described.ljust(96, b"\0") + bytes(generation["digest"])
        whole = header + bytes(128) * (live - 1) + described
        self._array("control")[: len(whole)] = np.frombuffer(whole, "u1")
        for kind in ("tcp", "syn", "udp"):
            keys, values = today.tables[f"flows4_{kind}"].read()
            for key, value in zip(keys, values, strict=True):
                self.maps[f"flows4_{kind}"].update(key.tobytes(), value.tobytes())

    def _fill_reals(self, today: Maps) -> None:
        packed = b"".join(
            struct.pack(
                "<QIB3xII16s24x",
                int(real["link"]),
                int(real["id"]),
                int(real["state"]),
                int(real["service"]),
                int(real["ifindex"]),
                bytes(real["addr"]),
            )
            for real in today.reals
        )
        self._array("reals")[: len(packed)] = np.frombuffer(packed, "u1")

    def _fill_index(self, today: Maps, index: np.void, half: int) -> None:
        start, buckets = int(index["displacements_line"]) * 32, int(index["buckets"])
        line = self._array("displacements4")[half * 4 * 64 :]
        line[: 2 * buckets] = today.displacements[start : start + buckets].view("u1")
        base = int(index["services_base"])
        for number, entry in enumerate(today.services4[base : base + int(index["size"])]):
            service = entry["service"]
            names = ("id", "flags", "slots_line", "table_size", "reals_base", "first_line", "first_size")
            record = entry["key"].tobytes() + bytes(16)
            record += struct.pack(
                "<7I4xQ", *(int(service[name]) for name in names), int(service["first_seed"])
            )
            at = 64 * (half * HALF + number)
            self._array("services4")[at : at + 64] = np.frombuffer(record, "u1")

    def _array(self, name: str) -> np.ndarray:
        return self.maps[name].mapped(np.dtype("u1"))

    def pin(self, pin_dir: Path, ifindex: int, ifname: str) -> None:
        """And attach."""
        pin_dir.mkdir(mode=0o700)
        for name in MAPS:
            pin(self.maps[name].fd, pin_dir / name)
        pin(self.prog_fd, pin_dir / "program")
        made = link.create(self.prog_fd, ifindex, ifname, "auto")
        link.pin_link(made, pin_dir)
        made.close()

    def close(self) -> None:
        self._object.close()
