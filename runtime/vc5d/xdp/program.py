"""The XDP program with its maps and links: loaded, or found pinned; kept alive by pins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .. import log
from ..errors import Vc5Error
from . import bpf, link, pins
from .layout import Vc5Layout
from .maps import SHARED, Capacity, Maps

NAME = "vc5"  # of the program in the object


class Program:
    """A program and its maps. Unpinned, all of it ends with the process."""

    def __init__(self, prog_fd: int, kernel_maps: Mapping[str, bpf.Map], pin_dir: Path | None) -> None:
        self.prog_fd, self._kernel_maps, self._pin_dir = prog_fd, kernel_maps, pin_dir
        self._running_fd = prog_fd  # the one on the interfaces: this, or one that has its place
        self._object: bpf.Object | None = None
        self._links: dict[str, link.Link] = {}
        self.maps = Maps.of_kernel(kernel_maps)

    @classmethod
    def load(cls, object_path: Path, capacity: Capacity) -> Program:
        """A new program with empty maps. Vc5Error with the verifier's reason if the kernel refuses it."""
        loaded = bpf.Object(object_path, capacity.max_entries())
        program = cls(loaded.program(NAME), loaded.maps, None)
        program._object = loaded
        program.maps.control["layout"] = Vc5Layout.VERSION
        return program

    @classmethod
    def open_pinned(cls, pin_dir: Path) -> Program | None:
        """The program that is pinned there, with all that its maps hold. None if there is none, or if its
        maps are of another layout (dataplane.py says what then)."""
        pins.mend(pin_dir)
        if pins.layout(pin_dir) != Vc5Layout.VERSION or not pins.are_there(pin_dir, SHARED):
            return None
        maps = {name: bpf.Map.open_pinned(pin_dir / name) for name in SHARED}
        return cls(bpf.obj_get(pin_dir / pins.PROGRAM), maps, pin_dir)

    @property
    def pinned(self) -> bool:
        """Whether it lives on without this process."""
        return self._pin_dir is not None

    def pin(self, pin_dir: Path) -> None:
        """Keeps program, maps and links alive without this process, in place of what is pinned there. Raises
        Vc5Error, and then that is still there."""
        pins.replace(pin_dir, self.shared(), self.prog_fd)
        for attached in self._links.values():
            link.pin_link(attached, pin_dir)
        self._pin_dir = pin_dir

    def attach(self, ifindex: int, ifname: str, mode: str = "auto") -> str:
        """Attaches, or takes over the link that is pinned for this interface, whose mode then stays. Returns
        the mode in use, "native" or "generic"."""
        found = self._link(ifname) or self._renamed(ifname, ifindex)
        if found and found.ifindex_now() != ifindex:  # the interface went, and another came under its name
            self._drop(found)
            found = None
        if found:
            found.update(self._running_fd)
        else:
            found = link.create(self._running_fd, ifindex, ifname, mode)
            try:
                if self._pin_dir:
                    link.pin_link(found, self._pin_dir)
            except Vc5Error:
                found.close()  # else it stays attached, and the next try finds the interface busy
                raise
        self._links[ifname] = found
        return found.mode()

    def take_over(self) -> list[str]:
        """In the place of whatever program is on the interfaces that have a pinned link, whatever they are
        called now: their names. One that has gone is passed over."""
        names = link.pinned_names(self._pin_dir) if self._pin_dir else []
        for ifname in names:
            found = self._link(ifname)
            if found is None:
                continue
            self._links[ifname] = found
            try:
                found.update(self._running_fd)
            except Vc5Error as failure:
                if found.ifindex_now():
                    raise
                log.warning("interface.lost", interface=ifname, error=failure.message)
        return names

    def shared(self) -> dict[str, int]:
        """Descriptors of the maps that outlive a program, by name."""
        return {name: self._kernel_maps[name].fd for name in SHARED}

    def give_place(self, prog_fd: int | None) -> None:
        """Another program over the same maps runs in this one's place, on every interface and on those to
        come; None: this one again. Raises Vc5Error; then some interface may still have what it had."""
        self._running_fd = self.prog_fd if prog_fd is None else prog_fd
        self.take_over()

    def put_back(self) -> None:
        """In the place of one that an earlier process gave its place to, and was killed."""
        own = bpf.program_id(self.prog_fd)
        for ifname in link.pinned_names(self._pin_dir) if self._pin_dir else ():
            found = link.open_pinned(self._pin_dir, ifname) if self._pin_dir else None
            if found and found.ifindex and found.program_id() != own:
                log.warning("interface.program", interface=ifname)
                found.update(self.prog_fd)
            if found:
                found.close()

    def detach(self, ifname: str) -> None:
        """Takes the program off an interface; one that has none is no error."""
        found = self._link(ifname)
        if found:
            self._drop(found)

    def attached_to(self, ifname: str) -> int:
        """The index of the interface that was attached under this name, whatever it is called now; 0: it is
        gone, or somebody has detached the program."""
        held = self._links.get(ifname)
        return held.ifindex_now() if held else 0

    def attached(self) -> dict[str, str]:
        """Mode by interface, also of links that an earlier process pinned; "" where the interface is gone."""
        names = set(self._links) | set(link.pinned_names(self._pin_dir) if self._pin_dir else ())
        return {name: self._mode(name) for name in sorted(names)}

    def replaced(self) -> list[str]:
        """The interfaces where somebody has put another program in this one's place."""
        own = bpf.program_id(self._running_fd)
        there = {name: held for name, held in self._links.items() if held.ifindex_now()}
        return [name for name, held in there.items() if held.program_id() != own]

    def keep_pins(self) -> bool:
        """Pins again what somebody has unpinned; whether there was anything. Raises Vc5Error."""
        directory = self._pin_dir
        if directory is None:
            return False
        if not pins.are_there(directory, (pins.PROGRAM, *SHARED)):
            self.pin(directory)
            return True
        missing = set(self._links) - set(link.pinned_names(directory))
        for name in missing:
            link.pin_link(self._links[name], directory)
        return bool(missing)

    def test_run(self, packet: bytes, ifindex: int = 0, repeat: int = 1) -> tuple[int, bytes, int]:
        """As bpf.test_run: verdict, packet out, nanoseconds a run."""
        return bpf.test_run(self.prog_fd, packet, repeat, ifindex)

    def unpin(self) -> None:
        """Removes every pin, links included: what no process holds is gone with it."""
        if not self._pin_dir or not self._pin_dir.exists():
            return
        pins.clear(self._pin_dir)
        self._pin_dir = None

    def close(self) -> None:
        """Lets go of everything that this process holds; what is pinned lives on."""
        self.maps.close()
        for held in self._links.values():
            held.close()
        self._links.clear()
        if self._object:
            self._object.close()
            return
        for found in self._kernel_maps.values():
            found.close()
        os.close(self.prog_fd)

    def _link(self, ifname: str) -> link.Link | None:
        """The link of an interface: held, or pinned by an earlier process."""
        return self._links.get(ifname) or (link.open_pinned(self._pin_dir, ifname) if self._pin_dir else None)

    def _renamed(self, ifname: str, ifindex: int) -> link.Link | None:
        """The link of this interface that an earlier process pinned when it had another name."""
        directory = self._pin_dir
        for name in link.pinned_names(directory) if directory else ():
            found = link.open_pinned(directory, name) if directory and name not in self._links else None
            if found and directory and found.ifindex == ifindex:
                moved = link.Link(found.fd, ifname, ifindex)
                link.pin_link(moved, directory)
                link.unpin(directory, name)
                return moved
            if found:
                found.close()
        return None

    def _drop(self, found: link.Link) -> None:
        self._links.pop(found.ifname, None)
        if self._pin_dir:
            link.unpin(self._pin_dir, found.ifname)
        found.detach()
        found.close()

    def _mode(self, ifname: str) -> str:
        held = self._links.get(ifname)
        if held:
            return held.mode()
        found = link.open_pinned(self._pin_dir, ifname) if self._pin_dir else None
        if not found:
            return ""
        mode = found.mode()
        found.close()
        return mode
