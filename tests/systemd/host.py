"""A host that systemd booted: Debian in a container that may attach XDP, in the caller's network namespace.

    with Host("lb1", netns="vc5-x-lb1") as host:
        host.install()
        host.run("systemctl", "start", "vc5d")

The kernel is this machine's. What the host writes lies in a directory of its own, and is gone at the end.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from systemd import image

# That may attach XDP.
NSPAWN = (
    "systemd-nspawn",
    "--quiet",
    "--boot",
    "--keep-unit",
    "--register=no",
    "--console=pipe",
    "--capability=all",
    "--system-call-filter=bpf perf_event_open @keyring",
)
Text = subprocess.CompletedProcess[str]


class Host:
    """netns: the name of a network namespace that exists. `root`: its root directory, as seen from outside,
    writable at any time; `bpffs`: its BPF file system."""

    def __init__(self, name: str, netns: str) -> None:
        self.name, self._netns = name, netns
        self._directory = Path(tempfile.mkdtemp(prefix=f"vc5-{name}-"))
        self.root, self.bpffs = self._directory / "root", self._directory / "bpf"
        self._console = self._directory / "console"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Host:
        try:
            self._mount()
            self._boot()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _mount(self) -> None:
        upper, work = self._directory / "upper", self._directory / "work"
        for each in (upper, work, self.root, self.bpffs):
            each.mkdir()
        layers = f"lowerdir={image.installed()}:{image.root()},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        subprocess.run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", self.bpffs], check=True)

    def _boot(self) -> None:
        """Returns when systemd has started all there is to start."""
        command = [
            *NSPAWN,
            f"--directory={self.root}",
            f"--machine={self.name}",
            f"--network-namespace-path=/run/netns/{self._netns}",
            f"--bind={self.bpffs}:/sys/fs/bpf",
            f"--bind-ro={image.TREE}",
        ]
        with self._console.open("wb") as console:
            self._nspawn = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=_environment() | {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},  # sysctls
            )
        end = time.monotonic() + 60
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        while True:
            if self._nspawn.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} did not boot: {self._console.read_text()}")
            found = children.read_text().split()
            self._leader = int(found[0]) if found else 0
            if self._leader and self._is_up():
                break
            time.sleep(0.1)
        # As udev makes it on a host of its own.
        self.run("sh", "-c", "rm -f /dev/net/tun && mknod -m 666 /dev/net/tun c 10 200")

    def _is_up(self) -> bool:
        asked = self.run("systemctl", "is-system-running", check=False)
        return asked.stdout.strip() in ("running", "degraded")

    def stop(self) -> None:
        if self._nspawn and self._nspawn.poll() is None:
            os.kill(self._leader or self._nspawn.pid, signal.SIGKILL)  # as a power cut: nothing of it is kept
            self._nspawn.wait()
        for mounted in (self.root, self.bpffs):
            subprocess.run(["umount", "--lazy", mounted], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self._directory)

    def run(self, *command: str, check: bool = True) -> Text:
        """A command inside; what it prints is in the result."""
        inside = [*self._enter(), *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, env=_environment())
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {' '.join(command)}: {done.stdout}{done.stderr}")
        return done

    def popen(self, *command: str) -> subprocess.Popen[bytes]:
        """The same, in the background; it dies with what began it."""
        return subprocess.Popen([*self._enter(), *command], env=_environment(), stdout=subprocess.DEVNULL)

    def _enter(self) -> list[str]:
        namespaces = ("mount", "uts", "ipc", "net", "pid", "root", "wd")
        return ["nsenter", f"--target={self._leader}", *(f"--{each}" for each in namespaces)]

    def output(self, *command: str) -> str:
        return self.run(*command).stdout

    def install(self) -> None:
        """What `make install` does beside putting files there, which are there."""
        self.run("systemd-sysusers")
        self.run("systemctl", "daemon-reload")
        self.run("sysctl", "-e", "-q", "-p", "/usr/lib/sysctl.d/60-vc5.conf")

    def journal(self, unit: str = "vc5d") -> str:
        return self.output("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def property(self, name: str, unit: str = "vc5d") -> str:
        return self.output("systemctl", "show", "--value", f"--property={name}", unit).strip()


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
