"""Where this machine gets Debian from, and the same place's lines for another release."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vm.host import VmError, run

# Release: its kernel, as Debian calls the series.
RELEASES = {"bookworm": "6.1", "trixie": "6.12"}
_POCKETS = ("", "-updates", "-security")
_FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"


def sources(release: str) -> list[tuple[str, str]]:
    """(URI, suite) pairs of a release, the main archive first. Raises VmError when none is known.

    VC5_VM_MIRROR names a mirror of the main archive where the machine's own sources do not.
    """
    if mirror := os.environ.get("VC5_VM_MIRROR"):
        return [(mirror, release)]
    targets = run(["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"])
    found = translate(targets, host_release(Path("/etc/os-release").read_text()), release)
    if not found:
        raise VmError(
            f"none of this machine's apt sources is Debian's: where is {release} to come from?\n"
            "  VC5_VM_MIRROR=URL names a mirror of Debian's main archive"
        )
    return found


def host_release(os_release: str) -> str:
    """The machine's own code name; empty when it is not Debian."""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    return fields.get("VERSION_CODENAME", "") if fields.get("ID") == "debian" else ""


def translate(targets: str, host: str, release: str) -> list[tuple[str, str]]:
    """From apt's list of targets (URI, suite, component, origin a line; the last may be missing)."""
    found = set()
    for line in targets.splitlines():
        uri, suite, component, *origin = line.split()
        if component != "main" or (origin and origin != ["Debian"]):
            continue
        pocket = suite.removeprefix(host)
        if suite.startswith(host) and pocket in _POCKETS:
            found.add((_POCKETS.index(pocket), uri, release + pocket))
    if not any(pocket == 0 for pocket, _, _ in found):
        return []
    return [(uri, suite) for _, uri, suite in sorted(found)]
