"""One host of the fleet: Debian that systemd boots in a container, whose hardware is a namespace of its own.

It boots, reboots when it asks to, and loses power. What it writes stays until the fleet is removed; what its
kernel had (addresses, routes, programs, pins) goes at every boot, as on a machine. The kernel is this
machine's.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

from lab.host import LabError, run, wait_until
from systemd.host import NSPAWN

from fleet import cgroups, topology
from fleet.image import REPOSITORY, Image
from fleet.plan import FleetNames, Machine, networkd

_OWN = ("--link-journal=no", "--resolv-conf=off", "--timezone=off")  # files that are the host's alone
_REBOOT = 133  # how systemd-nspawn ends when its host asked for a reboot
_INTO_CGROUPS = 'for each in $CGROUPS; do echo $$ >"$each/cgroup.procs"; done; exec "$@"'
Done = subprocess.CompletedProcess[str]


class Box:
    def __init__(self, names: FleetNames, machine: Machine, image: Image) -> None:
        self.names, self.machine, self._image = names, machine, image
        self._directory = names.state / "hosts" / machine.name
        self.root = self._directory / "root"  # as seen from outside, writable at any time
        self._bpffs, self._console = self._directory / "bpf", self._directory / "console"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    @property
    def name(self) -> str:
        return self.machine.name

    def prepare(self) -> None:
        """A bare host's disk: the image, and what an installer asks for."""
        upper, work = self._directory / "upper", self._directory / "work"
        for each in (upper, work, self.root, self._bpffs):
            each.mkdir(parents=True)
        layers = f"lowerdir={self._image.root},upperdir={upper},workdir={work}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root])
        for name, content in networkd(self.machine).items():
            (self.root / "etc/systemd/network" / name).write_text(content)
        (self.root / "etc/hostname").write_text(f"{self.name}\n")
        hosts = f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost\n"
        (self.root / "etc/hosts").write_text(hosts)
        (self.root / "etc/machine-id").write_text(f"{self.machine.position:032x}\n")
        self._keys()

    def _keys(self) -> None:
        ssh = self.root / "etc/ssh"
        run(
            [
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                self.name,
                "-f",
                ssh / "ssh_host_ed25519_key",
            ]
        )
        public = (ssh / "ssh_host_ed25519_key.pub").read_text()
        with self.names.known_hosts.open("a") as known:
            known.write(f"{self.machine.management} {public}")
        accepted = self.root / "root/.ssh"
        accepted.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self.names.key.with_suffix(".pub"), accepted / "authorized_keys")

    def boot(self) -> None:
        """Power on. It says no more than that systemd has begun; see wait_up."""
        topology.plug(self.names, self.machine)
        run(["mount", "-t", "bpf", "-o", "mode=0700", "bpf", self._bpffs])
        command = [
            *NSPAWN,
            *_OWN,
            f"--directory={self.root}",
            f"--machine={self.names.lab}-{self.name}",
            f"--hostname={self.name}",
            f"--network-namespace-path=/run/netns/{self.names.netns(self.name)}",
            f"--bind={self._bpffs}:/sys/fs/bpf",
            f"--bind-ro={self._image.packages}:{REPOSITORY}",
        ]
        groups = cgroups.cgroups_of(self.names, self.name)
        with self._console.open("ab") as console:
            nspawn = subprocess.Popen(
                ["sh", "-c", _INTO_CGROUPS, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,  # a Ctrl-C at the terminal is for the story, not for it
                env={
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "LC_ALL": "C.UTF-8",
                    "CGROUPS": " ".join(map(str, groups)),
                    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",  # sysctls
                    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",  # whatever this machine has
                },
            )
        self._nspawn, self._leader = nspawn, 0
        threading.Thread(target=self._watch, args=(nspawn,), daemon=True).start()

    def _watch(self, nspawn: subprocess.Popen[bytes]) -> None:
        """Boot it again when it asks for that."""
        if nspawn.wait() == _REBOOT:
            self._power_off()
            self.boot()

    def _power_off(self) -> None:
        run(["umount", "--lazy", self._bpffs])
        topology.unplug(self.names, self.machine)

    def lose_power(self) -> None:
        """All processes at once, and all that was not on its disk."""
        assert self._nspawn
        if self._nspawn.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._find_leader() or self._nspawn.pid, signal.SIGKILL)
            self._nspawn.wait(timeout=20)
        self._power_off()

    def wait_up(self, timeout: float = 120, other_than: str = "") -> float:
        """Seconds until systemd has started all there is to start, at another boot than that one."""
        return wait_until(f"{self.name} boots", lambda: self._is_up(other_than), timeout, 0.2)

    def _is_up(self, other_than: str) -> bool:
        if self._nspawn and self._nspawn.poll() not in (None, _REBOOT):
            said = self._console.read_text(errors="replace")[-2000:]
            raise LabError(f"{self.name} is off. Its console: {said}")
        asked = self.run("systemctl", "is-system-running", check=False)
        return asked.stdout.strip() in ("running", "degraded") and self.boot_id() != other_than

    def boot_id(self) -> str:
        """Another one after each boot."""
        return self.run("cat", "/proc/sys/kernel/random/boot_id", check=False).stdout.strip()

    def _find_leader(self) -> int:
        """Its first process, as this machine numbers it; 0: there is none."""
        if not self._leader or not Path(f"/proc/{self._leader}/ns/pid").exists():
            self._leader = cgroups.leader(self.names, self.name)
        return self._leader

    def run(self, *command: str, check: bool = True, stdin: str = "", timeout: float = 300) -> Done:
        """A command inside; what it prints is in the result. Raises LabError."""
        leader = self._find_leader()
        namespaces = ("mount", "uts", "ipc", "net", "pid", "cgroup", "root", "wd")
        enter = ["nsenter", f"--target={leader}", *(f"--{each}" for each in namespaces)]
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
        }
        if not leader:
            return Done(command, 1, "", "not running")
        done = subprocess.run(
            [*enter, "--", *command],
            capture_output=True,
            text=True,
            check=False,
            input=stdin,
            env=environment,
            timeout=timeout,
        )
        if check and done.returncode:
            raise LabError(
                f"{self.name}: `{' '.join(command)}` failed: {(done.stderr or done.stdout).strip()}"
            )
        return done

    def output(self, *command: str) -> str:
        return self.run(*command).stdout
