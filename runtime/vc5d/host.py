"""What the host must have before anything is touched, and the few settings of it that vc5d changes."""

from __future__ import annotations

import ctypes
import difflib
import os
import resource
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from .errors import Vc5Error

_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_PERFMON": 38, "CAP_BPF": 39}
_CAP_SYS_ADMIN = 21  # stands in for CAP_BPF and CAP_PERFMON
_INSTALLED_OBJECT = Path(sys.prefix).parent / "vc5.bpf.o"  # beside the virtual environment
_BUILT_OBJECT = Path(__file__).resolve().parents[2] / "build" / "vc5.bpf.o"


def default_object() -> Path:
    """$VC5_OBJECT, else the installed object, else the one that `make build` leaves in the source tree."""
    named = os.environ.get("VC5_OBJECT")
    if named:
        return Path(named)
    return _INSTALLED_OBJECT if _INSTALLED_OBJECT.exists() else _BUILT_OBJECT


def problems(object_path: Path, pin_dir: Path, interfaces: Iterable[str]) -> list[Vc5Error]:
    """Everything that would keep vc5d from working here, found without changing anything."""
    found = [_capabilities(), _object(object_path), _libbpf(), bpffs_problem(pin_dir)]
    found += [_interface(name, [known for _, known in socket.if_nameindex()]) for name in interfaces]
    return [problem for problem in found if problem is not None]


def _capabilities(status: Path = Path("/proc/self/status")) -> Vc5Error | None:
    effective = int(
        next(line.split()[1] for line in status.read_text().splitlines() if "CapEff:" in line), 16
    )

    def has(bit: int) -> bool:
        return bool(effective >> bit & 1)

    missing = [
        name
        for name, bit in _CAPABILITIES.items()
        if not has(bit) and not (bit > _CAP_SYS_ADMIN and has(_CAP_SYS_ADMIN))
    ]
    if not missing:
        return None
    return Vc5Error(
        f"vc5d lacks {', '.join(missing)}", "run it as root, or let systemd give it these capabilities"
    )


def _object(path: Path) -> Vc5Error | None:
    if path.is_file():
        return None
    return Vc5Error(
        f"the XDP program {path} does not exist", "make build, or name the object with --object PATH"
    )


def _libbpf() -> Vc5Error | None:
    try:
        ctypes.CDLL("libbpf.so.1")
    except OSError:
        return Vc5Error("libbpf.so.1 cannot be loaded", "install libbpf (Debian: apt install libbpf1)")
    return None


def bpffs_problem(pin_dir: Path, mounts: Path = Path("/proc/self/mountinfo")) -> Vc5Error | None:
    """The nearest mount above the pins must be a BPF file system, or a directory of one. mountinfo: proc(5),
    the 4th field is what of the file system is mounted, the 5th where, and the type follows the field `-`."""
    best, kind, root = Path("/"), "", "/"
    for line in mounts.read_text().splitlines():
        fields = line.split()
        point = Path(fields[4].encode().decode("unicode_escape"))
        if (pin_dir == point or point in pin_dir.parents) and len(point.parts) >= len(best.parts):
            best, kind, root = point, fields[fields.index("-") + 1], fields[3]
    if kind == "bpf" and best == pin_dir and root == "/":
        return Vc5Error(
            f"{pin_dir} is the whole BPF file system, which other programs pin in as well",
            "give vc5d a directory of its own there: --pin /sys/fs/bpf/vc5",
        )
    if kind == "bpf":
        return None
    return Vc5Error(
        f"{pin_dir} is not on a BPF file system ({best} is {kind or 'unknown'})",
        "mount -t bpf bpf /sys/fs/bpf (`ip netns exec` hides it: use nsenter --net=/run/netns/NAME)",
    )


def _interface(name: str, known: list[str]) -> Vc5Error | None:
    if name in known:
        return None
    near = difflib.get_close_matches(name, known, 3)
    others = ", ".join(each for each in known if each != "lo") or "none but lo"
    return Vc5Error(
        f"there is no interface {name}",
        f"did you mean {' or '.join(near)}?" if near else f"the interfaces here are: {others}",
    )


def allow_open_files() -> None:
    """As many as the system lets a process have. The usual 1,024 are gone when some hundred reals stop
    answering at once, and then the checks of all the others would fail too."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def relax_rp_filter(ifname: str, settings: Path = Path("/proc/sys/net/ipv4/conf")) -> tuple[int, int] | None:
    """Let answers from a VIP in: they come from an address whose route is elsewhere, which the reverse path
    filter drops. Off where `all` allows, else loose (the kernel takes the larger of the two). What it was and
    is now, if it changed. Raises OSError if it should change and cannot. It is not put back in the end: the
    answers of other programs' probes may depend on it by then.
    """
    every = int((settings / "all" / "rp_filter").read_text())
    own = settings / ifname / "rp_filter"
    was = int(own.read_text())
    wanted = 2 if every == 1 else 0
    if was == wanted or (every == 2 and was != 1):
        return None
    own.write_text(f"{wanted}\n")
    return was, wanted
