"""The initramfs: busybox, the modules that make the disks visible, init, and the command to run."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

_DIRECTORY, _FILE = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
_HERE = Path(__file__).parent


def initramfs(busybox: Path, early: Iterable[Path], command: str) -> bytes:
    """An uncompressed archive for -initrd. command: a line for bash, run by guest-init."""
    files = {"init": (_HERE / "init").read_bytes(), "bin/busybox": busybox.read_bytes()}
    files |= {f"modules/{module.name}": module.read_bytes() for module in early}
    files["command"] = command.encode() + b"\n"
    directories = ("bin", "dev", "modules", "new", "proc")
    members = [(name, _DIRECTORY, b"") for name in directories]
    members += [(name, _FILE, data) for name, data in files.items()]
    return b"".join(_member(*member) for member in [*members, ("TRAILER!!!", 0, b"")])


def _member(name: str, mode: int, data: bytes) -> bytes:
    """One entry of a "newc" archive; its form: buffer-format.rst of the kernel's documentation."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
