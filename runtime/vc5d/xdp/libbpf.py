"""libbpf.so.1 by ctypes: the calls, how they fail, and what the library says while they do.

Owns the shared library and its log; knows no map and no program of VC5. Needs libbpf 1.0 or later: from
there on every call sets errno and returns a negative errno or NULL.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
from ctypes import c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from typing import Any

from ..errors import Vc5Error

BPF_ANY = 0
BPF_LINK_XDP = 37  # enum bpf_attach_type: BPF_XDP
XDP_FLAGS_SKB_MODE = 1 << 1
XDP_FLAGS_DRV_MODE = 1 << 2
LEVEL_DEBUG = 2
LOG_LINES = 2000  # the newest lines are kept: a verifier's complaint ends its log


class TestRunOpts(ctypes.Structure):
    """struct bpf_test_run_opts; libbpf reads `sz` bytes of it, whatever its own version knows."""

    _fields_ = [
        ("sz", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_void_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    ]


class LinkCreateOpts(ctypes.Structure):
    """struct bpf_link_create_opts, as far as an XDP link needs it."""

    _fields_ = [("sz", c_size_t), ("flags", c_uint32), ("pad", c_uint32)]


class BatchOpts(ctypes.Structure):
    """struct bpf_map_batch_opts."""

    _fields_ = [("sz", c_size_t), ("elem_flags", ctypes.c_uint64), ("flags", ctypes.c_uint64)]


class XdpQueryOpts(ctypes.Structure):
    """struct bpf_xdp_query_opts."""

    _fields_ = [
        ("sz", c_size_t),
        ("prog_id", c_uint32),
        ("drv_prog_id", c_uint32),
        ("hw_prog_id", c_uint32),
        ("skb_prog_id", c_uint32),
        ("attach_mode", c_uint8),
        ("pad", c_uint8 * 7),
    ]


class MapInfo(ctypes.Structure):
    """The beginning of the kernel's struct bpf_map_info (uapi/linux/bpf.h)."""

    _fields_ = [
        ("type", c_uint32),
        ("id", c_uint32),
        ("key_size", c_uint32),
        ("value_size", c_uint32),
        ("max_entries", c_uint32),
        ("map_flags", c_uint32),
        ("name", ctypes.c_char * 16),
    ]


class LinkInfo(ctypes.Structure):
    """The beginning of the kernel's struct bpf_link_info; `ifindex` is valid for XDP links."""

    _fields_ = [
        ("type", c_uint32),
        ("id", c_uint32),
        ("prog_id", c_uint32),
        ("pad", c_uint32),
        ("ifindex", c_uint32),
        ("rest", c_uint32 * 11),
    ]


class ProgInfo(ctypes.Structure):
    """The beginning of the kernel's struct bpf_prog_info."""

    _fields_ = [("type", c_uint32), ("id", c_uint32), ("rest", c_uint32 * 56)]


# ring_buffer_sample_fn: context, data, size; a negative result ends the call that reads.
SAMPLE_CALLBACK = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "bpf_object__open_file": (c_void_p, [c_char_p, c_void_p]),
    "bpf_object__load": (c_int, [c_void_p]),
    "bpf_object__close": (None, [c_void_p]),
    "bpf_object__next_map": (c_void_p, [c_void_p, c_void_p]),
    "bpf_object__find_program_by_name": (c_void_p, [c_void_p, c_char_p]),
    "bpf_program__fd": (c_int, [c_void_p]),
    "bpf_program__set_autoload": (c_int, [c_void_p, ctypes.c_bool]),
    "bpf_map__name": (c_char_p, [c_void_p]),
    "bpf_map__fd": (c_int, [c_void_p]),
    "bpf_map__set_max_entries": (c_int, [c_void_p, c_uint32]),
    "bpf_map__reuse_fd": (c_int, [c_void_p, c_int]),
    "bpf_obj_pin": (c_int, [c_int, c_char_p]),
    "bpf_obj_get": (c_int, [c_char_p]),
    "bpf_obj_get_info_by_fd": (c_int, [c_int, c_void_p, ctypes.POINTER(c_uint32)]),
    "bpf_map_create": (c_int, [c_int, c_char_p, c_uint32, c_uint32, c_uint32, c_void_p]),
    "bpf_map_lookup_elem": (c_int, [c_int, c_void_p, c_void_p]),
    "bpf_map_update_elem": (c_int, [c_int, c_void_p, c_void_p, ctypes.c_uint64]),
    "bpf_map_delete_elem": (c_int, [c_int, c_void_p]),
    "bpf_map_lookup_batch": (
        c_int,
        [c_int, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p],
    ),
    "bpf_map__set_initial_value": (c_int, [c_void_p, c_char_p, c_size_t]),
    "bpf_map_update_batch": (c_int, [c_int, c_void_p, c_void_p, c_void_p, c_void_p]),
    "bpf_map_delete_batch": (c_int, [c_int, c_void_p, c_void_p, c_void_p]),
    "bpf_link_create": (c_int, [c_int, c_int, c_int, c_void_p]),
    "bpf_link_update": (c_int, [c_int, c_int, c_void_p]),
    "bpf_link_detach": (c_int, [c_int]),
    "bpf_xdp_query": (c_int, [c_int, c_int, c_void_p]),
    "bpf_prog_test_run_opts": (c_int, [c_int, c_void_p]),
    "btf__parse": (c_void_p, [c_char_p, c_void_p]),
    "btf__raw_data": (c_void_p, [c_void_p, ctypes.POINTER(c_uint32)]),
    "btf__free": (None, [c_void_p]),
    "libbpf_num_possible_cpus": (c_int, []),
    "ring_buffer__new": (c_void_p, [c_int, SAMPLE_CALLBACK, c_void_p, c_void_p]),
    "ring_buffer__epoll_fd": (c_int, [c_void_p]),
    "ring_buffer__consume": (c_int, [c_void_p]),
    "ring_buffer__free": (None, [c_void_p]),
}

_PRINT_CALLBACK = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)
_log: list[str] = []
_kept_alive: list[Any] = []  # what the library holds only a pointer to


def take_log() -> list[str]:
    """What libbpf has said since the last call, one line an item. Nothing of it is printed anywhere."""
    lines = _log.copy()
    _log.clear()
    return lines


@functools.cache
def library() -> ctypes.CDLL:
    """The loaded library, its calls typed and its log captured."""
    try:
        lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
        libc = ctypes.CDLL(None)
    except OSError as error:
        raise Vc5Error(f"libbpf 1.x cannot be loaded: {error}", "install the package libbpf1") from None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    libc.vsnprintf.argtypes = [c_char_p, c_size_t, c_char_p, c_void_p]

    def keep(level: int, text: bytes, arguments: int) -> int:
        if level >= LEVEL_DEBUG:
            return 0
        # The verifier's log comes whole in one call, up to the 16 MiB that libbpf asks the kernel for.
        buffer = ctypes.create_string_buffer(1 << 24 if b"LOAD LOG" in text else 1 << 12)
        libc.vsnprintf(buffer, len(buffer), text, arguments)
        _log.extend(buffer.value.decode(errors="replace").splitlines()[-LOG_LINES:])
        del _log[:-LOG_LINES]
        return 0

    callback = _PRINT_CALLBACK(keep)
    _kept_alive.append(callback)
    lib.libbpf_set_print(callback)
    return lib


def check(result: int, what: str, hint: str = "") -> int:
    """The result of a call, or Vc5Error saying `what` was tried and the system's reason."""
    if result >= 0:
        return result
    code = -result
    if code == errno.EPERM:
        hint = hint or "BPF needs root, or CAP_BPF with CAP_NET_ADMIN"
    raise Vc5Error(f"{what}: {os.strerror(code)}", hint)
