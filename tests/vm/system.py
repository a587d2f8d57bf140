"""The Debian system that runs inside: a root directory, and its image.

The directory is a machine that one can enter and change: `make build` in it (tree.py) installs what the
project's own set-up finds missing, as on a fresh Debian. The image follows its list of packages.
"""

from __future__ import annotations

from pathlib import Path

from vm.host import BUILD, TREE, digest, image, kept, run, run_in, say
from vm.sources import sources

# What the project does not install itself: what a person has before `make`, and what guest-init needs.
PACKAGES = ("busybox-static", "ca-certificates", "iproute2", "kmod", "make", "procps")
# What only some commands need inside; installed when they are not there, without making the system anew.
EXTRA = ("ipvsadm", "nftables")


def root_directory(release: str) -> Path:
    """Made by debootstrap once, kept until the machine's sources or PACKAGES change."""
    lines = [f"deb {uri} {suite} main" for uri, suite in sources(release)]
    mirror = sources(release)[0][0]
    log = BUILD / f"root-{release}.log"

    def make(directory: Path) -> None:
        say(f"making a Debian system: {release}")
        log.unlink(missing_ok=True)
        include = f"--include={','.join(PACKAGES)}"
        run(["debootstrap", "--variant=minbase", include, release, directory, mirror], log=log)
        (directory / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
        (directory / "etc/hostname").write_text("guest\n")
        (directory / "etc/hosts").write_text("127.0.0.1 localhost guest\n")
        (directory / TREE.lstrip("/")).mkdir(parents=True)
        (directory / "lib/modules").mkdir(exist_ok=True)
        run_in(directory, ["apt-get", "-qq", "update"], log=log)
        run_in(directory, ["apt-get", "-qq", "-y", "upgrade"], log=log)
        run_in(directory, ["apt-get", "clean"], log=log)

    root = kept(f"root-{release}", digest(*lines, *PACKAGES), make)
    there = (root / "var/lib/dpkg/status").read_text()
    if missing := [package for package in EXTRA if f"\nPackage: {package}\n" not in there]:
        run_in(root, ["apt-get", "-qq", "update"], log=log)
        run_in(root, ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *missing], log=log)
    return root


def root_image(release: str, directory: Path) -> Path:
    """Made anew when a package came, went or changed."""
    packages = (directory / "var/lib/dpkg/status").read_bytes()

    def make(file: Path) -> None:
        say(f"writing the image of {release}")
        run_in(directory, ["apt-get", "clean"])
        image(directory, file, spare_mib=1024)

    return kept(f"root-{release}", digest(packages, directory.name), make, suffix=".img")
