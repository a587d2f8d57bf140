"""What the machine outside does: run a command, enter a root directory, keep a result by its content."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "vm"
TREE = "/srv/vc5"  # where the project lies inside: not below /root, nginx's workers are nobody

# Program: the Debian package that has it.
TOOLS = {
    "debootstrap": "debootstrap",
    "git": "git",
    "mkfs.ext4": "e2fsprogs",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
}
# How this machine reaches the outside is its own matter; it holds inside a root directory, too.
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
# A proxy may sign with its own authority: pip inside trusts whom this machine trusts.
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_ENTER = f"""
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/run"
mount --bind /etc/resolv.conf "$1/etc/resolv.conf"
cat {_BUNDLE} >"$1/run/bundle.crt" || true
[ -z "$2" ] || mount --bind "$2" "$1{TREE}"
root=$1
shift 2
exec chroot "$root" "$@"
"""


class VmError(Exception):
    """The virtual machine could not be made or did not run; the message is for a person."""


def say(what: str) -> None:
    print(f"vm: {what}", flush=True)


def require() -> None:
    """Raises VmError naming everything that is missing here."""
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    if os.geteuid() != 0:
        raise VmError("making a Debian system needs root: run it by root or sudo")
    if os.uname().machine != "x86_64":
        raise VmError(f"only x86_64 machines are known here, this is {os.uname().machine}")
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise VmError(f"missing: {' '.join(missing)}\n  as root: apt-get install {' '.join(missing)}")


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    within: Sequence[str | Path] = (),
) -> str:
    """What it printed; with `log` its errors go there, too. Raises VmError with its last words.

    within: words before the command that only lead to where it runs.
    """
    words = " ".join(map(str, command))
    everything = [*map(str, within), *map(str, command)]
    done = subprocess.run(everything, capture_output=True, text=True, check=False, env=env)
    if log:
        with log.open("a") as file:
            file.write(f"$ {words}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        where = f"\n  all of it: {log}" if log else ""
        raise VmError(f"`{words}` failed with {done.returncode}:\n{said}{where}")
    return done.stdout


def run_in(root: Path, command: Sequence[str], *, tree: Path | None = None, log: Path | None = None) -> str:
    """The same inside a root directory, `tree` mounted at TREE; its mounts end with the command."""
    inside = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "PIP_CERT": "/run/bundle.crt",
        **{name: value for name, value in os.environ.items() if name in _PASSED_ON},
    }
    enter: list[str | Path] = ["unshare", "--mount", "sh", "-e", "-c", _ENTER, "enter", root, tree or ""]
    return run(command, env=inside, log=log, within=enter)


def digest(*parts: str | bytes) -> str:
    """A short name for a content."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()[:12]


def kept(name: str, key: str, make: Callable[[Path], None], suffix: str = "") -> Path:
    """BUILD/NAME-KEY: made by `make` at a scratch path unless it is there; others of that name go."""
    wanted = BUILD / f"{name}-{key}{suffix}"
    if wanted.exists():
        return wanted
    scratch = wanted.with_name(wanted.name + ".new")
    remove(scratch)
    make(scratch)
    for old in BUILD.glob(f"{name}-????????????{suffix}"):
        remove(old)
    scratch.rename(wanted)
    return wanted


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def image(directory: Path, file: Path, spare_mib: int) -> None:
    """An ext4 file system with the directory's content and some room; sparse, so room costs nothing."""
    used = int(run(["du", "-sm", "--apparent-size", directory]).split()[0])
    blocks = int(run(["du", "-sm", directory]).split()[0])
    size = max(used, blocks) * 11 // 10 + spare_mib
    make = ["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1"]
    try:
        run([*make, "-d", directory, file, f"{size}M"])
    except VmError:
        remove(file)
        raise


@contextmanager
def building() -> Iterator[None]:
    """One builder at a time; a second one waits."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield
