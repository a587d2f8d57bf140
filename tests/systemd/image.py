"""What a host's root directory is laid of (overlayfs): Debian 12 with systemd, made once by debootstrap, and
what `make install` installs. Both are kept in build/systemd; nobody writes to them afterwards.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
BUILD = TREE / "build" / "systemd"
SUITE = "bookworm"
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "iproute2",
    "python3",
    "libbpf1",
    "bird2",
    "nginx-light",
    "procps",
    "ethtool",
    "kmod",
)


# What `make install` installs, but for documentation: of these none may be newer.
_INSTALLED = ("build/wheelhouse/.made", "build/vc5.bpf.o", "tools/install", "runtime/systemd/*")


def installed() -> Path:
    """A directory that `make build wheelhouse` and tools/install made, as it lies on a host."""
    made, stamp = BUILD / "installed", BUILD / "installed.made"
    sources = [path for pattern in _INSTALLED for path in TREE.glob(pattern)]
    if stamp.exists() and all(path.stat().st_mtime < stamp.stat().st_mtime for path in sources):
        return made
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run(
        [TREE / "tools" / "install", "install"],
        check=True,
        env={**os.environ, "DESTDIR": str(made), "PREFIX": "/usr"},
    )
    stamp.touch()
    return made


def root() -> Path:
    """Made anew when the list of packages is another one. Raises CalledProcessError."""
    wanted = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()
    made, stamp = BUILD / "root", BUILD / "root.made"
    if stamp.exists() and stamp.read_text() == wanted:
        return made
    stamp.unlink(missing_ok=True)
    shutil.rmtree(made, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "debootstrap.log").open("wb") as log:
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, made],
            check=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    for unit in ("bird.service", "nginx.service"):  # whoever needs them starts them
        (made / "etc/systemd/system/multi-user.target.wants" / unit).unlink(missing_ok=True)
    stamp.write_text(wanted)
    return made
