"""Debian's cloud kernel of a release: fetched by apt as a package, unpacked, never installed."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from pathlib import Path

from vm.host import VmError, digest, image, kept, remove, run, run_in, say

_META = "linux-image-cloud-amd64"
_NEEDED = ("virtio_pci", "virtio_blk", "ext4")  # to see the root disk; the rest loads by itself from there


@dataclass(frozen=True)
class Kernel:
    """vmlinuz; modules: image for /lib/modules; early: modules for the initramfs, in loading order."""

    version: str
    vmlinuz: Path
    modules: Path
    early: tuple[Path, ...]


def kernel(release: str, root: Path) -> Kernel:
    """The newest that the release has. `root`: a root directory of that release, whose apt fetches it."""
    listed = run_in(root, ["apt-cache", "depends", "--important", _META])
    names = [line.split()[1] for line in listed.splitlines() if line.strip().startswith("Depends:")]
    if not names:
        raise VmError(f"{release}'s apt knows no kernel: {_META} depends on nothing")
    version = run_in(root, ["apt-cache", "policy", names[0]]).split("Candidate:")[1].split()[0]

    def make(directory: Path) -> None:
        say(f"fetching {names[0]} {version}")
        run_in(
            root, ["sh", "-c", f"rm -f /var/tmp/{names[0]}_*; cd /var/tmp && apt-get -qq download {names[0]}"]
        )
        (package,) = (root / "var/tmp").glob(f"{names[0]}_*.deb")
        run(["dpkg-deb", "--extract", package, directory])
        package.unlink()
        _arrange(directory, root)

    directory = kept(f"kernel-{release}", digest(names[0], version), make)
    return _open(directory)


def _arrange(directory: Path, root: Path) -> None:
    """modules/VERSION with its indexes, modules.img of it, early/ with the uncompressed first modules."""
    (found,) = (*directory.glob("lib/modules/*"), *directory.glob("usr/lib/modules/*"))
    modules = directory / "lib/modules"
    if found.parent != modules:
        modules.parent.mkdir(exist_ok=True)
        found.parent.rename(modules)
    version = found.name
    # kmod of the root directory: it knows its own release's compression.
    run_in(root, ["depmod", "--basedir", "/srv/vc5", version], tree=directory)
    early = directory / "early"
    early.mkdir()
    listed = run_in(
        root,
        ["modprobe", "--dirname", "/srv/vc5", "--set-version", version, "--show-depends", "--all", *_NEEDED],
        tree=directory,
    )
    paths = dict.fromkeys(line.split()[1] for line in listed.splitlines() if line.startswith("insmod"))
    for number, path in enumerate(paths):
        packed = directory / path.removeprefix("/srv/vc5/")
        data = packed.read_bytes()
        name = packed.name.removesuffix(".xz")
        (early / f"{number:02}-{name}").write_bytes(lzma.decompress(data) if packed.suffix == ".xz" else data)
    image(modules, directory / "modules.img", spare_mib=16)
    remove(modules)
    remove(directory / "usr")


def _open(directory: Path) -> Kernel:
    (vmlinuz,) = (directory / "boot").glob("vmlinuz-*")
    return Kernel(
        vmlinuz.name.removeprefix("vmlinuz-"),
        vmlinuz,
        directory / "modules.img",
        tuple(sorted((directory / "early").iterdir())),
    )
