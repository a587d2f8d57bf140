"""The kernel, and what of it a process of vc5d may use."""

from __future__ import annotations

import ctypes
import re

from ... import host as hosts
from .finding import Finding, Findings, fail, ok, warn
from .gather import Host

LEAST = (6, 1)
_FILES = 65_536
_DEFAULT_FILES = 4096
_STA_UNSYNC = 0x40  # linux/timex.h


def judge(host: Host) -> Findings:
    return [
        _version(host),
        _btf(host),
        _jit(host),
        _bpffs(host),
        _libbpf(),
        _files(host),
        _clock(),
        _tun(host),
    ]


def _version(host: Host) -> Finding:
    match = re.match(r"(\d+)\.(\d+)", host.kernel)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    if version >= LEAST:
        return ok("kernel", f"Linux {host.kernel}")
    return fail(
        "kernel",
        f"Linux {host.kernel}; {LEAST[0]}.{LEAST[1]} is the oldest that is supported",
        "the program needs what older kernels lack: it is refused at the start",
        "apt install linux-image-amd64    # and reboot",
    )


def _btf(host: Host) -> Finding:
    if host.exists("/sys/kernel/btf/vmlinux"):
        return ok("kernel", "it describes its types (BTF)")
    return warn(
        "kernel",
        "/sys/kernel/btf/vmlinux is missing",
        "tools such as bpftool say less about the program without it",
        "a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's are",
    )


def _jit(host: Host) -> Finding:
    if host.text("/proc/sys/net/core/bpf_jit_enable") in ("1", "2"):
        return ok("kernel", "BPF programs are compiled (JIT)")
    if not host.exists("/proc/sys/net/core/bpf_jit_enable"):  # only the first network namespace shows it
        return ok("kernel", "whether BPF programs are compiled (JIT) is not to be seen from here")
    return fail(
        "kernel",
        "net.core.bpf_jit_enable is 0",
        "the program is interpreted: every packet costs far more",
        "sysctl net.core.bpf_jit_enable=1",
    )


def _bpffs(host: Host) -> Finding:
    problem = hosts.bpffs_problem(host.pin_dir)
    if problem is None:
        return ok("kernel", f"{host.pin_dir} is on a BPF file system")
    return fail(
        "kernel",
        problem.message,
        "pins keep the program forwarding while vc5d restarts",
        problem.hint,
    )


def _libbpf() -> Finding:
    try:
        ctypes.CDLL("libbpf.so.1")
    except OSError:
        return fail(
            "kernel", "libbpf.so.1 cannot be loaded", "vc5d does not start without", "apt install libbpf1"
        )
    return ok("kernel", "libbpf 1 is there")


def _files(host: Host) -> Finding:
    """Of this process; the unit's may be another: it is said there."""
    reals = len(host.document.neighbors) if host.document else 0
    wanted = max(_DEFAULT_FILES, 4 * reals)
    if host.open_files >= wanted:
        return ok("limits", f"up to {host.open_files} open files")
    return warn(
        "limits",
        f"at most {host.open_files} open files here; {wanted} are wanted",
        "each check that waits for an answer has one: when many reals fail at once, they run out",
        f"LimitNOFILE={_FILES} in vc5d.service, or `ulimit -Hn {_FILES}` before vc5d is started by hand",
    )


def _clock() -> Finding:
    """adjtimex(2) with modes 0 only reads: struct timex begins with modes (4 bytes), and has status at 40."""
    buffer = ctypes.create_string_buffer(256)
    ctypes.CDLL(None).adjtimex(buffer)
    status = int.from_bytes(buffer.raw[40:44], "little")
    if not status & _STA_UNSYNC:
        return ok("clock", "it is synchronised")
    return warn(
        "clock",
        "the kernel does not know it as synchronised",
        "times in logs and metrics of several load balancers cannot be compared, and TLS checks may fail",
        "apt install chrony    # or systemctl enable --now systemd-timesyncd",
    )


def _tun(host: Host) -> Finding:
    if host.exists("/dev/net/tun"):
        return ok("kernel", "/dev/net/tun is there")
    return fail(
        "kernel",
        "/dev/net/tun is missing",
        "the announced routes hang on a TUN device: without it vc5d starts only with --no-announce",
        "modprobe tun",
    )
