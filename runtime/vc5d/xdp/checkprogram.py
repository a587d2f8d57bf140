"""The XDP program that health checks go into tunnels by (bpf/encap.h, send_check), and its map of ways.

It is not pinned, and ends with the process: checks do too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .bpf import Array, Map, Object
from .layout import CHECK_WAY

WAYS = 1 << 16  # the first is never used
_NAME = "check"


class CheckProgram:
    """ways: by number, (WAYS,) CHECK_WAY. prog_fd: to attach."""

    def __init__(self, object_path: Path, shared: Mapping[str, int]) -> None:
        """shared: maps that are there, so that none is made in vain. Raises Vc5Error."""
        loaded = Object(object_path, {"check_ways": WAYS}, shared, programs={"vc5": False, _NAME: True})
        try:
            held = Map(os.dup(loaded.maps["check_ways"].fd), "check_ways")
            self.ways: Array = held.mapped(CHECK_WAY)
            held.close()  # the memory stays
            self.prog_fd = os.dup(loaded.program(_NAME))
        finally:
            loaded.close()

    def close(self) -> None:
        os.close(self.prog_fd)
