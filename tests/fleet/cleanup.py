"""Remove every trace of a fleet, also of one that was killed: all of it is found by the fleet's name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lab import cleanup
from lab.host import run

from fleet import cgroups
from fleet.plan import FleetNames


def clean(names: FleetNames) -> list[str]:
    """What was removed, in words. Raises nothing for what is already gone."""
    hosts = len({path for top in cgroups.existing(names)[:1] for path in top.iterdir() if path.is_dir()})
    cleanup.end(_supervisor(names))  # or it boots again what goes down
    cleanup.end(cgroups.pids(names))
    mounts = mounts_of(names)
    for mounted in reversed(mounts):
        run(["umount", "--lazy", mounted])
    cgroups.remove(names)
    names.log.unlink(missing_ok=True)
    return [*([f"{hosts} hosts"] if hosts else []), *cleanup.clean(names)]


def traces(names: FleetNames) -> list[str]:
    """What of a fleet is there, one line each."""
    found = [f"mount {mounted}" for mounted in mounts_of(names)]
    found += [f"cgroup {directory}" for directory in cgroups.existing(names)]
    return found + cleanup.traces(names)


def mounts_of(names: FleetNames) -> list[Path]:
    """In the order in which they were mounted."""
    mounted = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [path for path in mounted if path.is_relative_to(names.state)]


def _supervisor(names: FleetNames) -> list[int]:
    """Of `tools/fleet up`. Its number may be another process's by now."""
    with suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int(names.supervisor.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"fleet" in command and b"hold" in command:
            return [pid]
    return []
