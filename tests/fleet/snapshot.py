"""What a host is made of, as JSON: {kind: {name: value}}. It runs on the host, by the host's own Python.

Two of them, compared, say what came and what went.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

# What any host writes while it runs, whoever manages it; what package managers keep for themselves; and users
# and groups, which are looked at apart.
VOLATILE = {
    *("/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp", "/var/log", "/var/cache", "/var/lib/apt"),
    *("/var/lib/systemd", "/root/.ansible", "/srv/debian", "/etc/ld.so.cache", "/etc/.pwd.lock"),
    *("/var/backups", "/var/lib/dpkg", "/var/lib/ucf"),
    *(f"/etc/{name}{end}" for name in ("passwd", "group", "shadow", "gshadow") for end in ("", "-")),
}
CONFIGURATION = ("/etc/", "/usr/local/", "/root/")  # whose content counts; elsewhere that it is there


def files() -> dict[str, str]:
    found = {}
    for directory, names, others in os.walk("/"):
        top = Path(directory)
        names[:] = [name for name in names if str(top / name) not in VOLATILE and name != "__pycache__"]
        for path in (top / name for name in (*names, *others)):
            if str(path) not in VOLATILE:
                found[str(path)] = _file(path)
    return found


def _file(path: Path) -> str:
    about = path.lstat()
    words = [stat.filemode(about.st_mode), str(about.st_uid), str(about.st_gid)]
    if stat.S_ISLNK(about.st_mode):
        words.append(str(path.readlink()))
    elif stat.S_ISREG(about.st_mode) and str(path).startswith(CONFIGURATION):
        words.append(hashlib.sha256(path.read_bytes()).hexdigest()[:16])
    return " ".join(words)


def sysctls() -> dict[str, str]:
    found = {}
    for directory, _, names in os.walk("/proc/sys/net"):
        for path in (Path(directory) / name for name in names):
            with suppress(OSError):  # it may only be written
                found[str(path)] = path.read_text().strip()
    return found


def pins() -> dict[str, str]:
    walked = os.walk("/sys/fs/bpf")
    return {f"{directory}/{name}": "" for directory, names, others in walked for name in (*names, *others)}


def units() -> dict[str, str]:
    found = {}
    for line in _said("systemctl", "list-units", "--all", "--plain", "--no-legend").splitlines():
        name, _, active, _ = line.split(None, 3)
        if name.endswith((".service", ".socket")) and "@" not in name:
            found[name] = active
    return found


def links() -> dict[str, str]:
    return {
        link["ifname"]: "xdp" if link.get("xdp") else "" for link in json.loads(_said("ip", "-json", "link"))
    }


def _lines(text: str) -> dict[str, str]:
    return {" ".join(line.split()): "" for line in text.splitlines() if line.strip()}


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> None:
    both = (("-4",), ("-6",))
    found = {
        "file": files(),
        "sysctl": sysctls(),
        "user": _lines(Path("/etc/passwd").read_text()),
        "group": _lines(Path("/etc/group").read_text()),
        "package": _lines(_said("dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n")),
        "unit": units(),
        "link": links(),
        # Without the number of a cable's other end: a reboot plugs it in anew.
        "address": _lines(re.sub(r"@\S+", "", _said("ip", "-brief", "address"))),
        "rule": _lines("".join(_said("ip", *family, "rule") for family in both)),
        "route": _lines("".join(_said("ip", *family, "route", "show", "table", "all") for family in both)),
        "pin": pins(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
