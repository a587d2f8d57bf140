"""Writes layout.py: the types that user space shares with the XDP program, from the object's BTF.

    python -m vc5d.xdp.generate build/vc5.bpf.o           writes runtime/vc5d/xdp/layout.py
    python -m vc5d.xdp.generate build/vc5.bpf.o --check   says whether it is stale, and exits with 1 if so

BTF's format is the kernel's Documentation/bpf/btf.rst. libbpf finds it in the object; it is read here,
since ctypes would need half of libbpf's inline functions to walk it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import Vc5Error
from .libbpf import library

STRUCTS = (
    "service_key4",
    "service_key6",
    "service",
    "service4",
    "service6",
    "real",
    "tunnel_source",
    "check_way",
    "service_state",
    "slots_line",
    "flow_key4",
    "flow_key6",
    "flow",
    "real_counters",
    "fragment_key4",
    "fragment_key6",
    "fragment",
    "session",
    "budget",
    "timing",
    "prefix4",
    "prefix6",
    "index",
    "generation",
    "control",
    "trace_filter",
    "trace_count",
    "trace_note",
    "trace_event",
    "told",
    "told_count",
    "merge_entry",
    "merge_call",
    "gate",
    "gate_node",
)
ENUMS = (
    "vc5_layout",
    "slot_bits",
    "slot_state",
    "real_state",
    "link_bits",
    "tunnel_type",
    "tunnel_bits",
    "tunnel_limits",
    "service_flags",
    "generation_flags",
    "switches",
    "own_macs",
    "reason",
    "filter",
    "trace_limits",
    "trace_step",
    "told_limits",
    "share_drop",
    "share_format",
)

INT, PTR, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, VOLATILE, CONST = 1, 2, 3, 4, 5, 6, 8, 9, 10
FUNC_PROTO, VAR, DATASEC, DECL_TAG, ENUM64 = 13, 14, 15, 17, 19
EXTRA_WORDS = {INT: 1, ARRAY: 3, VAR: 1, DECL_TAG: 1}  # behind a type's own three words
WORDS_PER_MEMBER = {STRUCT: 3, UNION: 3, ENUM: 2, FUNC_PROTO: 2, DATASEC: 3, ENUM64: 3}

HEADER = '''"""Types shared with the XDP program. GENERATED from its BTF by vc5d.xdp.generate: do not edit.

Each dtype is a struct of bpf/vc5.h at its exact offsets; fields in network byte order are big-endian.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Any

import numpy as np

'''


@dataclass(frozen=True)
class Type:
    """One BTF type: `size` is a struct's size in bytes, or the id of the type referred to."""

    kind: int
    name: str
    size: int
    words: tuple[int, ...]


class Btf:
    """The types of an object, by id; 0 is void."""

    def __init__(self, raw: bytes) -> None:
        length, type_at, type_length, names_at = struct.unpack_from("<4xIIII", raw)
        names = raw[length + names_at :]
        self.types = [Type(0, "void", 0, ())]
        at, end = length + type_at, length + type_at + type_length
        while at < end:
            name, info, size = struct.unpack_from("<III", raw, at)
            kind, members = info >> 24 & 0x1F, info & 0xFFFF
            count = EXTRA_WORDS.get(kind, 0) + members * WORDS_PER_MEMBER.get(kind, 0)
            words = struct.unpack_from(f"<{count}I", raw, at + 12)
            self.types.append(Type(kind, self._name(names, name), size, words))
            at += 12 + 4 * count
        self._names = names

    @staticmethod
    def _name(names: bytes, at: int) -> str:
        return names[at : names.index(b"\0", at)].decode()

    def named(self, kind: int, name: str) -> Type:
        for found in self.types:
            if (found.kind, found.name) == (kind, name):
                return found
        raise Vc5Error(f"the object's BTF does not know {name}", "is it used by a map or by shared_types?")

    def members(self, owner: Type) -> list[tuple[str, int, int]]:
        """A struct's members: name, type id, offset in bits."""
        triples = zip(owner.words[0::3], owner.words[1::3], owner.words[2::3], strict=True)
        return [(self._name(self._names, name), type_id, bits) for name, type_id, bits in triples]

    def constants(self, owner: Type) -> list[tuple[str, int]]:
        pairs = zip(owner.words[0::2], owner.words[1::2], strict=True)
        return [(self._name(self._names, name), value) for name, value in pairs]

    def format(self, type_id: int) -> str:
        """The type as source text of a numpy format."""
        found, order = self.types[type_id], "<"
        while found.kind in (TYPEDEF, VOLATILE, CONST):
            order = ">" if found.name.startswith("__be") else order
            found = self.types[found.size]
        if found.kind == ARRAY:
            element, _index, count = found.words
            return f"({self.format(element)}, ({count},))"
        if found.kind == STRUCT:
            return found.name.upper()
        if found.kind in (INT, ENUM):
            return f'"u{found.size}"' if found.size == 1 else f'"{order}u{found.size}"'
        raise Vc5Error(f"BTF kind {found.kind} ({found.name}) has no numpy format")


def read_btf(path: Path) -> Btf:
    lib, size = library(), ctypes.c_uint32()
    handle = lib.btf__parse(os.fsencode(path), None)
    if not handle:
        raise Vc5Error(
            f"{path} has no BTF: {os.strerror(ctypes.get_errno())}", "build it with clang -g -target bpf"
        )
    try:
        return Btf(ctypes.string_at(lib.btf__raw_data(handle, ctypes.byref(size)), size.value))
    finally:
        lib.btf__free(handle)


def _dtype(btf: Btf, name: str) -> str:
    owner = btf.named(STRUCT, name)
    members = btf.members(owner)
    names = "".join(f'            "{member}",\n' for member, _type, _bits in members)
    formats = "".join(f"            {btf.format(type_id)},\n" for _name, type_id, _bits in members)
    offsets = ", ".join(str(bits // 8) for _name, _type, bits in members)
    return (
        f"{name.upper()}: np.dtype[Any] = np.dtype(\n    {{\n"
        f'        "names": [\n{names}        ],\n        "formats": [\n{formats}        ],\n'
        f'        "offsets": [{offsets}],\n        "itemsize": {owner.size},\n    }}\n)\n'
    )


def _common_prefix(enum: str, names: list[str]) -> str:
    """What all names begin with of their enum's own name, in whole words, leaving each at least one word."""
    prefix = ""
    for words in zip(*(name.split("_")[:-1] for name in names), strict=False):
        if len(set(words)) > 1 or words[0].lower() not in enum:
            break
        prefix += f"{words[0]}_"
    return prefix


def _enum(btf: Btf, name: str) -> str:
    constants = btf.constants(btf.named(ENUM, name))
    prefix = _common_prefix(name, [constant for constant, _value in constants])
    title = "".join(word.capitalize() for word in name.split("_"))
    base = "IntFlag" if name.endswith(("flags", "switches")) else "IntEnum"
    lines = "".join(f"    {constant.removeprefix(prefix)} = {value}\n" for constant, value in constants)
    return f"class {title}({base}):\n{lines}"


def render(btf: Btf) -> str:
    parts = [_enum(btf, name) for name in ENUMS] + [_dtype(btf, name) for name in STRUCTS]
    return HEADER + "\n" + "\n\n".join(parts[: len(ENUMS)]) + "\n\n" + "\n".join(parts[len(ENUMS) :])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m vc5d.xdp.generate", description="Write layout.py from BTF."
    )
    parser.add_argument("object", type=Path, help="the BPF object, built with -g")
    parser.add_argument("--check", action="store_true", help="only say whether layout.py is stale")
    options = parser.parse_args(arguments)
    target = Path(__file__).with_name("layout.py")
    try:
        text = render(read_btf(options.object))
    except Vc5Error as error:
        print(f"generate: {error}", file=sys.stderr)
        return 1
    if not options.check:
        target.write_text(text)
    elif not target.exists() or target.read_text() != text:
        print(f"{target} is stale: run `make generate`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
