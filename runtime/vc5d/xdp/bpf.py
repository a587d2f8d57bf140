"""BPF objects, maps, links and test runs, as Python sees them: files, numpy arrays, and Vc5Error.

Knows the kernel's conventions (strides, batches, pins), not VC5's maps: those are bound to their types
in maps.py. Arrays that go to or come from the kernel are contiguous and of the map's exact item size.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Vc5Error
from . import libbpf
from .libbpf import check, library

Array = np.ndarray[Any, np.dtype[Any]]

BPF_MAP_TYPE_ARRAY = 2
HEADROOM = 256  # bytes that a test run may add to a packet
BATCH = 65536  # entries a batch call; a hash bucket must fit as a whole
ERROR_LINES = 8


def _address(array: Array) -> int:
    return int(array.ctypes.data)


class Map:
    """An open map. `key_size` and `value_size` in bytes; `max_entries` as created."""

    def __init__(self, fd: int, name: str) -> None:
        self.fd, self.name = fd, name
        info = libbpf.MapInfo()
        length = ctypes.c_uint32(ctypes.sizeof(info))
        check(library().bpf_obj_get_info_by_fd(fd, ctypes.byref(info), ctypes.byref(length)), f"map {name}")
        self.key_size, self.value_size, self.max_entries = info.key_size, info.value_size, info.max_entries

    @classmethod
    def open_pinned(cls, path: Path) -> Map:
        return cls(obj_get(path), path.name)

    def close(self) -> None:
        """Views that `mapped` gave stay valid."""
        os.close(self.fd)

    def mapped(self, dtype: np.dtype[Any]) -> Array:
        """The live memory of a BPF_F_MMAPABLE array as `dtype` records, one per entry, or several where an
        entry is a whole number of them. A store is seen by the next packet; an aligned one of at most 8
        bytes is seen whole."""
        if self.value_size % dtype.itemsize or self.value_size % 8:
            raise Vc5Error(
                f"map {self.name} has entries of {self.value_size} bytes where {dtype.itemsize} are known",
                "the object and layout.py are of different builds: run `make build`",
            )
        size = self.max_entries * self.value_size
        whole = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        try:
            memory = mmap.mmap(self.fd, whole, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        except OSError as error:
            raise Vc5Error(f"map {self.name} cannot be mapped: {error.strerror}") from None
        return np.frombuffer(memory, dtype, size // dtype.itemsize)

    def read_percpu(self, dtype: np.dtype[Any], most: int | None = None) -> Array:
        """A per-CPU array's values, shape (max_entries, CPUs); `most`: only those of so many entries."""
        stride = -(-self.value_size // 8) * 8
        cpus, count = num_possible_cpus(), min(self.max_entries, most or self.max_entries)
        keys, values = np.zeros(count, "<u4"), np.zeros((count, cpus), f"V{stride}")
        total, position = self._lookup_batch(keys, values, None)
        while position is not None and total < len(keys):
            found, position = self._lookup_batch(keys[total:], values[total:], position)
            total += found
        return values.view(dtype).reshape(count, cpus)

    def write_percpu(self, index: int, value: bytes) -> None:
        """Sets one entry to `value` on every CPU."""
        stride = -(-self.value_size // 8) * 8
        self.update(struct.pack("<I", index), value.ljust(stride, b"\0") * num_possible_cpus())

    def read_hash(self, key: np.dtype[Any], value: np.dtype[Any]) -> tuple[Array, Array]:
        """All entries of a hash map: keys and values in the same order, as of about now."""
        parts = list(self.read_slices(key, value, BATCH))
        return _joined([keys for keys, _ in parts], key), _joined([values for _, values in parts], value)

    def read_slices(
        self, key: np.dtype[Any], value: np.dtype[Any], most: int
    ) -> Iterator[tuple[Array, Array]]:
        """The same in parts of at most `most` entries, each read when it is asked for. Entries may come and
        go in between: what is there all the time is in exactly one part."""
        most = max(1, min(most, self.max_entries + BATCH))
        position: bytes | None = None
        while True:
            keys, values = np.zeros(most, key), np.zeros(most, value)
            found, position = self._lookup_batch(keys, values, position)
            yield keys[:found], values[:found]
            if position is None:
                return

    def read(self, key: bytes) -> bytes:
        """One entry of a map that is not per CPU."""
        value = ctypes.create_string_buffer(self.value_size)
        check(library().bpf_map_lookup_elem(self.fd, key, value), f"map {self.name} cannot be read")
        return value.raw

    def update(self, key: bytes, value: bytes) -> None:
        check(
            library().bpf_map_update_elem(self.fd, key, value, libbpf.BPF_ANY),
            f"map {self.name} cannot be written",
        )

    def write_hash(self, keys: Array, values: Array) -> None:
        keys, values = np.ascontiguousarray(keys), np.ascontiguousarray(values)
        done = ctypes.c_uint32(len(keys))
        opts = libbpf.BatchOpts(sz=ctypes.sizeof(libbpf.BatchOpts))
        result = library().bpf_map_update_batch(
            self.fd, _address(keys), _address(values), ctypes.byref(done), ctypes.byref(opts)
        )
        check(result, f"map {self.name} cannot be written")

    def delete_hash(self, keys: Array) -> None:
        """Deletes what of `keys` is there; an entry that is gone already is no error."""
        keys = np.ascontiguousarray(keys)
        while len(keys):
            done = ctypes.c_uint32(len(keys))
            opts = libbpf.BatchOpts(sz=ctypes.sizeof(libbpf.BatchOpts))
            result = library().bpf_map_delete_batch(
                self.fd, _address(keys), ctypes.byref(done), ctypes.byref(opts)
            )
            if result != -errno.ENOENT:
                check(result, f"map {self.name} cannot be written")
                return
            keys = keys[done.value + 1 :]  # the kernel stops at the first key that is not there

    def _lookup_batch(self, keys: Array, values: Array, position: bytes | None) -> tuple[int, bytes | None]:
        """Fills both from `position` (None: the beginning) on, with at most BATCH entries: how many there
        were, and where to go on; None: the map ends here, which the kernel says by ENOENT."""
        opts = libbpf.BatchOpts(sz=ctypes.sizeof(libbpf.BatchOpts))
        token = ctypes.create_string_buffer(position or b"", max(self.key_size, 8))
        count = ctypes.c_uint32(min(BATCH, len(keys)))
        result = library().bpf_map_lookup_batch(
            self.fd,
            None if position is None else token,
            token,
            _address(keys),
            _address(values),
            ctypes.byref(count),
            ctypes.byref(opts),
        )
        if result == -errno.ENOENT:
            return count.value, None
        check(result, f"map {self.name} cannot be read")
        return count.value, token.raw


def _joined(parts: list[Array], dtype: np.dtype[Any]) -> Array:
    return np.concatenate(parts, dtype=dtype)  # else numpy turns big-endian fields into the machine's


class Object:
    """A loaded object file: its maps by name, and its programs' descriptors. Owns them all until `close`."""

    def __init__(
        self,
        path: Path,
        max_entries: Mapping[str, int],
        shared: Mapping[str, int] | None = None,
        constants: Mapping[str, bytes] | None = None,
        programs: Mapping[str, bool] | None = None,
    ) -> None:
        """Loads `path` after giving its maps the sizes that `max_entries` names. `shared`: descriptors of
        maps that are there already, to use in place of new ones. `constants`: what sections of read-only data
        (".rodata.…") hold, whole. `programs`: those to load that are not loaded by default, and not to load
        that are."""
        if not path.is_file():
            raise Vc5Error(
                f"{path}: there is no such BPF object", "`make build` builds it; --object names another"
            )
        lib = library()
        libbpf.take_log()
        self._handle = lib.bpf_object__open_file(os.fsencode(path), None)
        if not self._handle:
            raise Vc5Error(
                f"{path} is no BPF object: {_cause(libbpf.take_log()) or os.strerror(ctypes.get_errno())}"
            )
        try:
            for name, wanted in (programs or {}).items():
                check(lib.bpf_program__set_autoload(self._find(name), wanted), f"program {name}")
            self.maps = self._load(path, max_entries, shared or {}, constants or {})
        except Vc5Error:
            self.close()
            raise

    def _load(
        self,
        path: Path,
        max_entries: Mapping[str, int],
        shared: Mapping[str, int],
        constants: Mapping[str, bytes],
    ) -> dict[str, Map]:
        lib, handles = library(), dict[str, int]()
        handle = lib.bpf_object__next_map(self._handle, None)
        while handle:
            handles[lib.bpf_map__name(handle).decode()] = handle
            handle = lib.bpf_object__next_map(self._handle, handle)
        for name in (*max_entries, *shared, *constants):
            if name not in handles:
                raise Vc5Error(
                    f"{path} has no map {name}", "the object is of another build: run `make build`"
                )
        for name, entries in max_entries.items():
            check(
                lib.bpf_map__set_max_entries(handles[name], entries),
                f"map {name} cannot have {entries} entries",
            )
        for name, fd in shared.items():
            check(lib.bpf_map__reuse_fd(handles[name], fd), f"map {name} cannot be shared")
        for name, content in constants.items():
            result = lib.bpf_map__set_initial_value(handles[name], content, len(content))
            check(result, f"{path}: {name} cannot hold {len(content)} bytes")
        result = lib.bpf_object__load(self._handle)
        if result < 0:
            raise _load_error(path, result, libbpf.take_log())
        return {name: Map(lib.bpf_map__fd(handle), name) for name, handle in handles.items()}

    def program(self, name: str) -> int:
        """The descriptor of a program."""
        return check(library().bpf_program__fd(self._find(name)), f"program {name}")

    def _find(self, name: str) -> int:
        handle: int | None = library().bpf_object__find_program_by_name(self._handle, name.encode())
        if not handle:
            raise Vc5Error(f"the BPF object has no program {name}")
        return handle

    def close(self) -> None:
        if self._handle:
            library().bpf_object__close(self._handle)
            self._handle = None


def _cause(log: list[str]) -> str:
    """The line that says why: the verifier's last word, or libbpf's first complaint."""
    ends = [i for i, line in enumerate(log) if line.startswith("processed ")]
    if ends and ends[0]:
        return log[ends[0] - 1].strip()
    complaints = [line for line in log if "failed" in line or "rror" in line]
    return (complaints or log or [""])[0].removeprefix("libbpf: ").strip()


def _load_error(path: Path, result: int, log: list[str]) -> Vc5Error:
    """The cause first, then the log's last lines."""
    reason = os.strerror(-result)
    refused = next((line for line in log if "failed to create" in line), None)
    if refused and -result in (errno.ENOMEM, errno.E2BIG):
        name = refused.partition("'")[2].partition("'")[0]
        return Vc5Error(
            f"there is no memory for the map {name}: {reason}",
            "free memory (or raise MemoryMax of the unit), or split the document",
        )
    hint = "BPF needs root, or CAP_BPF with CAP_NET_ADMIN" if result == -errno.EPERM else ""
    tail = "".join(f"\n  {line}" for line in log[-ERROR_LINES:])
    return Vc5Error(f"the kernel refused {path}: {_cause(log) or reason} ({reason}){tail}", hint)


def num_possible_cpus() -> int:
    return check(library().libbpf_num_possible_cpus(), "the number of CPUs")


def create_array(entries: int, value_size: int = 4) -> int:
    """A small anonymous array map; its descriptor."""
    return check(
        library().bpf_map_create(BPF_MAP_TYPE_ARRAY, b"vc5_grace", 4, value_size, entries, None),
        "a map cannot be created",
    )


def pin(fd: int, path: Path) -> None:
    """Pins at `path`, in place of what may be pinned there."""
    new = path.with_name(f"new_{path.name}")
    new.unlink(missing_ok=True)
    check(
        library().bpf_obj_pin(fd, os.fsencode(new)),
        f"{path} cannot be pinned",
        "the directory must be on a BPF file system: mount -t bpf bpf /sys/fs/bpf",
    )
    new.replace(path)


def obj_get(path: Path) -> int:
    """The descriptor of what is pinned at `path`."""
    return check(library().bpf_obj_get(os.fsencode(path)), f"{path} cannot be opened")


def program_id(prog_fd: int) -> int:
    """The kernel's number of a program, as `bpftool prog` and a link have it."""
    info = libbpf.ProgInfo()
    length = ctypes.c_uint32(ctypes.sizeof(info))
    check(
        library().bpf_obj_get_info_by_fd(prog_fd, ctypes.byref(info), ctypes.byref(length)),
        "the program cannot be asked about",
    )
    return int(info.id)


def run_syscall(prog_fd: int, context: Array) -> None:
    """Runs a program of type "syscall" on `context`, which it may change."""
    opts = libbpf.TestRunOpts(sz=ctypes.sizeof(libbpf.TestRunOpts))
    opts.ctx_in, opts.ctx_size_in = _address(context), context.nbytes
    check(library().bpf_prog_test_run_opts(prog_fd, ctypes.byref(opts)), "the program could not be run")


def test_run(prog_fd: int, packet: bytes, repeat: int = 1, ifindex: int = 0) -> tuple[int, bytes, int]:  # noqa: PT028
    """Runs a program on a packet (14 bytes or more): its verdict, the packet it left, nanoseconds a run.

    Every repetition but the first sees what the one before left. `ifindex`: of the interface that the packet
    seems to come in by, an existing one with a registered queue; 0: loopback.
    """
    room = ctypes.create_string_buffer(len(packet) + HEADROOM)
    opts = libbpf.TestRunOpts(sz=ctypes.sizeof(libbpf.TestRunOpts), repeat=repeat)
    source = ctypes.create_string_buffer(packet, len(packet))
    opts.data_in, opts.data_size_in = ctypes.addressof(source), len(packet)
    opts.data_out, opts.data_size_out = ctypes.addressof(room), len(room)
    if ifindex:
        context = ctypes.create_string_buffer(struct.pack("<6I", 0, len(packet), 0, ifindex, 0, 0))
        opts.ctx_in, opts.ctx_size_in = ctypes.addressof(context), 24
    check(library().bpf_prog_test_run_opts(prog_fd, ctypes.byref(opts)), "the test run failed")
    return opts.retval, room.raw[: opts.data_size_out], opts.duration
