"""A vc5d of layout 2 or 3 as it left a host: its maps pinned and filled, its program on an interface.

Fills them from today's maps in memory, byte by byte as struct says, sharing no code with vc5d's own reading.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
from vc5d.xdp import link
from vc5d.xdp.bpf import Object, pin
from vc5d.xdp.maps import Maps

SOURCE = Path(__file__).parents[1] / "older" / "older.bpf.c"
HALF, LINES, REALS, SERVICES = 64, 256, 512, 16
SIZES = {
    "displacements": 2 * 4,
    "services4": 2 * HALF,
    "services6": 2 * HALF,
    "slots": LINES,
    "reals": REALS,
    "real_counters": REALS,
    "service_states": SERVICES,
    "accepting": 128,
}
FLOWS = tuple(f"flows{family}_{kind}" for family in (4, 6) for kind in ("tcp", "syn", "udp"))
TABLES = ("sessions", "prefixes6", "blocked4", "blocked6", "fragments4", "fragments6")
MAPS = (*SIZES, "control", "reasons", "grace", "prefixes4", "blocked4_bits", *FLOWS, *TABLES)


def compiled(directory: Path, layout: int) -> Path:
    """The object, by the compiler that builds the other one."""
    built = directory / f"layout{layout}.bpf.o"
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
        f"-DLAYOUT={layout}",
    ]
    subprocess.run([*command, "-c", SOURCE, "-o", built], check=True)
    return built


class OldHost:
    """Loaded; `fill` and `pin` do the rest. `close` leaves what is pinned."""

    def __init__(self, directory: Path, layout: int) -> None:
        self._layout = layout
        self._object = Object(compiled(directory, layout), SIZES)
        self.maps, self.prog_fd = self._object.maps, self._object.program("vc5")

    def fill(self, today: Maps) -> None:
        """With the live generation of maps in memory that are no bigger."""
        live = int(today.control["live"][0])
        arrays = ("slots", "accepting", "service_states", "prefixes4", "blocked4_bits")
        for name in arrays if self._layout == 2 else (*arrays, "tunnel_sources"):
            source = getattr(today, name)
            self._array(name)[: source.nbytes] = source.view("u1")
        self._fill_reals(today)
        words = ("switches", "session_mask", "inserts", "echoes", "too_bigs", "tells")
        numbers = [int(today.control[name][0]) for name in words[: 4 if self._layout == 2 else 6]]
        header = struct.pack(f"<{2 + len(numbers)}I", self._layout, live, *numbers).ljust(64, b"\0")
        whole = header + bytes(2688) * (live - 1) + self._generation(today, live - 1)
        self._array("control")[: len(whole)] = np.frombuffer(whole, "u1")
        for name in (*FLOWS, *TABLES):
            keys, values = today.tables[name].read()
            for key, value in zip(keys, values, strict=True):
                self.maps[name].update(key.tobytes(), value.tobytes())

    def _generation(self, today: Maps, half: int) -> bytes:
        generation = today.control["generation"][0, half]
        indexes, line = [], half * 4
        for family in (4, 6):
            index = generation[f"index{family}"]
            self._fill_index(today, family, index, half, line)
            numbers = (int(index[name]) for name in ("salt", "buckets", "size"))
            indexes.append(struct.pack("<QIIII", *numbers, line, half * HALF))
            line += -(-int(index["buckets"]) // 32)
        first = struct.pack("<QQ", int(generation["seed"]), int(generation["flow_lifetime_ns"]))
        described = (first + indexes[0] + struct.pack("<I", int(generation["flags"]))).ljust(64, b"\0")
        described += indexes[1] + bytes(generation["digest"]) + bytes(8)
        return described + b"".join(generation[name].tobytes() for name in ("vlans", "vips4", "vips6"))

    def _fill_reals(self, today: Maps) -> None:
        packed = b"".join(
            struct.pack(
                "<QIB3xII16sI4xQ8x",
                int(real["link"]),
                int(real["id"]),
                int(real["state"]),
                int(real["service"]),
                int(real["ifindex"]),
                bytes(real["addr"]),
                int(real["load"]),
                int(real["tunnel"]) if self._layout > 2 else 0,
            )
            for real in today.reals
        )
        self._array("reals")[: len(packed)] = np.frombuffer(packed, "u1")

    def _fill_index(self, today: Maps, family: int, index: np.void, half: int, line: int) -> None:
        start, buckets = int(index["displacements_line"]) * 32, int(index["buckets"])
        target = self._array("displacements")[line * 64 :]
        target[: 2 * buckets] = today.displacements[start : start + buckets].view("u1")
        base = int(index["services_base"])
        names = ("id", "flags", "slots_line", "table_size", "reals_base", "first_line", "first_size")
        for number, entry in enumerate(today.services(family)[base : base + int(index["size"])]):
            service = entry["service"]
            numbers = [int(service[name]) for name in (*names, "first_flags", "first_seed")]
            record = entry["key"].tobytes().ljust(24, b"\0") + struct.pack("<8IQ", *numbers)
            at = 64 * (half * HALF + number)
            self._array(f"services{family}")[at : at + 64] = np.frombuffer(record, "u1")

    def _array(self, name: str) -> np.ndarray:
        return self.maps[name].mapped(np.dtype("u1"))

    def pin(self, pin_dir: Path, ifindex: int, ifname: str) -> None:
        """And attach."""
        pin_dir.mkdir(mode=0o700)
        for name in MAPS if self._layout == 2 else (*MAPS, "tunnel_sources"):
            pin(self.maps[name].fd, pin_dir / name)
        pin(self.prog_fd, pin_dir / "program")
        made = link.create(self.prog_fd, ifindex, ifname, "auto")
        link.pin_link(made, pin_dir)
        made.close()

    def close(self) -> None:
        self._object.close()
