"""What systemd is about to do with vc5d, asked when it sends SIGTERM: a restart keeps the VIPs announced, a
stop does not.

The signal is the same; what differs is the job that the unit has. `systemctl` asks over D-Bus. Whatever is
not clear within a moment (no systemd, no D-Bus, no such unit) counts as a stop, which is safe.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from .. import log
from . import fdstore

_PATIENCE = 5.0  # s for each question
_CGROUP = Path("/proc/self/cgroup")
TUN = "tun"  # its name in the store


async def hand_over(descriptor: int) -> bool:
    """Whether systemd is restarting vc5d and now keeps this descriptor for the next one."""
    unit = own_unit()
    if unit is None or not os.environ.get("NOTIFY_SOCKET"):
        return False
    jobs = await _ask("list-jobs", "--plain", "--no-legend", "--full", unit)
    if "restart" not in [job.split()[2] for job in jobs.splitlines() if len(job.split()) > 2]:
        return False
    put = await asyncio.to_thread(fdstore.put, TUN, descriptor)
    kept = await _ask("show", "--value", "--property=NFileDescriptorStore", unit) if put else ""
    if kept.strip() == "1":
        return True
    log.warning("restart.not_kept", unit=unit, then="withdraw", needed="FileDescriptorStoreMax=1 in the unit")
    return False


def own_unit(cgroup: Path = _CGROUP) -> str | None:
    """The name of the service that this process is in; None: in none."""
    try:
        lines = cgroup.read_text().splitlines()
    except OSError:
        return None
    # cgroups(7): ID:CONTROLLERS:PATH, where systemd's own hierarchy is `name=systemd`, or the unified one
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "name=systemd") and (found := re.search(r"/([^/]+\.service)$", path)):
            return found.group(1)
    return None


async def _ask(*arguments: str) -> str:
    """What `systemctl` prints; nothing when it fails, or takes too long."""
    try:
        asked = await asyncio.create_subprocess_exec(
            "systemctl", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_PATIENCE):
            answer, _ = await asked.communicate()
    except TimeoutError:
        asked.kill()
        await asked.wait()
        return ""
    return answer.decode(errors="replace") if asked.returncode == 0 else ""
