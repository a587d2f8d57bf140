"""The virtual machine: started, listened to, and always ended."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vm.cable import Cable, cable
from vm.host import BUILD, VmError
from vm.initramfs import initramfs
from vm.kernel import Kernel

TIMED_OUT = 124  # as timeout(1)
# Emulation is slow and uneven, and the lab lives by timers: BFD, health checks, a client's patience. So time
# inside is counted in instructions, one a nanosecond: the guest sees a machine of 1,000 million instructions
# a second with a clock of its own, however long that takes outside. Idle, its clock goes with ours.
_TIME = ["-accel", "tcg,thread=single", "-icount", "shift=0"]
# mitigations: of no use here. random.trust_cpu: no wait for entropy. tsc: the cheapest clock, and exact with
# time as above; without that, calibrated on a busy host, it was found to go 2.7 times too fast.
_KERNEL_LINE = "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on tsc=reliable clocksource=tsc"


@dataclass(frozen=True)
class Guest:
    """What to boot. root, tree: images; nothing that happens inside is written to them. queues: of each of
    two network cards that are joined by a cable; 0: there are none."""

    kernel: Kernel
    root: Path
    tree: Path
    busybox: Path
    memory_mib: int = 3072
    cpus: int = 1
    queues: int = 0

    @property
    def console(self) -> Path:
        """What the last guest with this kernel said on its console."""
        return BUILD / f"console-{self.kernel.version}.log"

    def run(self, command: str, timeout: float) -> int:
        """Run a line of bash inside; its output comes out here. The exit code, or TIMED_OUT.

        Raises VmError when the guest ends without one, with the console's last lines; the whole console is
        kept, see `console`.
        """
        scratch_directory = tempfile.TemporaryDirectory(prefix="run-", dir=BUILD)
        with scratch_directory as scratch, cable(self.queues) as network:
            directory = Path(scratch)
            initrd = directory / "initramfs"
            initrd.write_bytes(initramfs(self.busybox, self.kernel.early, command))
            in_time = _follow(self._qemu(initrd, directory, network), directory, timeout)
            console, code = directory / "console", directory / "code"
            console.replace(self.console)
            if not in_time:
                return TIMED_OUT
            if not code.read_text().strip().isdigit():
                raise VmError(f"the guest ended before the command did; its console:\n{_end(self.console)}")
            return int(code.read_text())

    def _qemu(self, initrd: Path, directory: Path, network: Cable | None) -> list[str]:
        command = network.enter if network else []
        command = [*command, "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-machine", "q35"]
        # By emulation everywhere: /dev/kvm may be there and not work. `max`: numpy wants x86-64-v2.
        command += [*_TIME, "-cpu", "max", "-smp", f"{self.cpus}", "-m", f"{self.memory_mib}"]
        command += ["-nodefaults", "-no-reboot", "-display", "none"]
        command += network.devices if network else ["-nic", "none"]
        command += ["-kernel", f"{self.kernel.vmlinuz}", "-initrd", f"{initrd}", "-append", _KERNEL_LINE]
        for disk in (self.root, self.kernel.modules, self.tree):
            command += ["-drive", f"file={disk},format=raw,if=virtio,snapshot=on,cache=unsafe"]
        for serial in (f"file:{directory / 'console'}", "stdio", f"file:{directory / 'code'}"):
            command += ["-serial", serial]
        return command


@contextmanager
def _running(command: list[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    # TMPDIR: what the guest writes to its disks, never to be seen again.
    process = subprocess.Popen(
        ["env", f"TMPDIR={directory}", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=(directory / "errors").open("wb"),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _follow(command: list[str], directory: Path, timeout: float) -> bool:
    """Copy the command's output to ours until the machine is off; False when that took too long."""
    late = threading.Event()
    with _running(command, directory) as process:

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout, end)
        timer.start()
        try:
            assert process.stdout
            while piece := process.stdout.read1(65536):  # type: ignore[attr-defined]
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
            code = process.wait()
        finally:
            timer.cancel()
        if code != 0 and not late.is_set():
            said = (directory / "errors").read_text(errors="replace").strip()
            raise VmError(f"qemu failed with {code}: {said}")
    return not late.is_set()


def _end(console: Path, lines: int = 15) -> str:
    return "\n".join(console.read_text(errors="replace").splitlines()[-lines:])
