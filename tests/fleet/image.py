"""What the fleet's hosts are made of, per release: a bare Debian, and the packages that roles install there.

A bare host is what an installer leaves: systemd, an SSH server, Python, `ip`. All else comes by apt-get, from
a repository in a directory, so that the hosts need no network of their own. Both are kept in build/fleet.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.host import LabError, run
from lab.plan import BUILD
from vm.host import VmError
from vm.sources import sources

RELEASES = ("bookworm", "trixie")
BARE = ("systemd", "systemd-sysv", "openssh-server", "python3", "iproute2", "ca-certificates")
# For the roles, for Ansible's own apt module, and for what runs on real servers here.
INSTALLABLE = (
    "bird2",
    "dbus",
    "ethtool",
    "kmod",
    "libbpf1",
    "nginx-light",
    "procps",
    "python3-apt",
    "python3-venv",
    "sudo",
)
REPOSITORY = "/srv/debian"  # where a host sees it
_SLOW = 1800  # seconds; a mirror may be far away


class Image:
    def __init__(self, release: str) -> None:
        self.release = release
        self._directory = BUILD / "fleet" / release
        self.root, self.packages = self._directory / "root", self._directory / "packages"

    def make(self) -> None:
        """What is missing. Raises LabError with the last words of what failed."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if _changed(self._directory / "root.made", self.release, *BARE):
            shutil.rmtree(self.root, ignore_errors=True)
            include = f"--include={','.join(BARE)}"
            archive = self._archives()[0][0]
            self._logged(["debootstrap", "--variant=minbase", include, self.release, self.root, archive])
            _settle(self.root)
            _done(self._directory / "root.made", self.release, *BARE)
        if _changed(self._directory / "packages.made", self.release, *BARE, *INSTALLABLE):
            self._download()
            _done(self._directory / "packages.made", self.release, *BARE, *INSTALLABLE)

    def _download(self) -> None:
        """By the release's own apt-get, which knows what is installed on a bare host."""
        shutil.rmtree(self.packages, ignore_errors=True)
        self.packages.mkdir()
        with self._scratch() as root:
            for name in ("resolv.conf", "hosts"):  # where a mirror is known by name may be either
                shutil.copy(f"/etc/{name}", root / "etc" / name)
            (root / "etc/apt/sources.list").write_text(self._sources())
            get: list[str | Path] = ["chroot", root, "apt-get", "--quiet", "--yes"]
            self._logged([*get, "update"])
            self._logged([*get, "install", "--download-only", *INSTALLABLE])
            for package in (root / "var/cache/apt/archives").glob("*.deb"):
                shutil.copy(package, self.packages)
        paragraphs = [_paragraph(package) for package in sorted(self.packages.glob("*.deb"))]
        (self.packages / "Packages").write_text("\n".join(paragraphs))

    def _sources(self) -> str:
        return "".join(f"deb {uri} {suite} main\n" for uri, suite in self._archives())

    def _archives(self) -> list[tuple[str, str]]:
        try:
            return sources(self.release)
        except VmError as error:
            raise LabError(str(error)) from error

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """The root, to write to; what is written is thrown away."""
        upper, work, merged = (self._directory / name for name in ("upper", "work", "merged"))
        for each in (upper, work, merged):
            shutil.rmtree(each, ignore_errors=True)
            each.mkdir()
        options = f"lowerdir={self.root},upperdir={upper},workdir={work}"
        run(["mount", "-t", "overlay", "overlay", "-o", options, merged])
        try:
            yield merged
        finally:
            run(["umount", merged])
            for each in (upper, work, merged):
                shutil.rmtree(each)

    def _logged(self, command: Sequence[str | Path]) -> None:
        log = self._directory / "log"
        with log.open("ab") as out:
            done = subprocess.run(command, stdout=out, stderr=out, check=False, timeout=_SLOW)
        if done.returncode:
            said = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise LabError(f"`{' '.join(map(str, command))}` failed, see {log}:\n{said}")


def _settle(root: Path) -> None:
    """What an installer asks: packages come from the repository, the network is systemd's to set up."""
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{REPOSITORY} ./\n")
    (root / "etc/hostname").unlink(missing_ok=True)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    # A host of its own has udev, which makes this device for everyone.
    (root / "etc/tmpfiles.d/tun.conf").write_text("c /dev/net/tun 0666 root root - 10:200\n")
    run(["chroot", root, "systemctl", "enable", "systemd-networkd"])
    for key in (root / "etc/ssh").glob("ssh_host_*"):  # each host gets its own
        key.unlink()


def _paragraph(package: Path) -> str:
    """Of a repository's index."""
    content = package.read_bytes()
    about = (
        f"Filename: ./{package.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"
    )
    return run(["dpkg-deb", "--field", package]) + about


def _changed(stamp: Path, *wanted: str) -> bool:
    return not stamp.exists() or stamp.read_text() != " ".join(wanted)


def _done(stamp: Path, *wanted: str) -> None:
    stamp.write_text(" ".join(wanted))
