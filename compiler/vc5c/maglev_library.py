"""maglev.c through ctypes, which lets go of the interpreter's lock meanwhile: threads work in parallel."""

from __future__ import annotations

import ctypes
from array import array
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).with_name("libmaglev.so")
LIBRARY_VERSION = 2


class Library:
    """The built library. Raises OSError, AttributeError: not built, or not one for this machine."""

    def __init__(self, path: Path) -> None:
        built = ctypes.CDLL(str(path))
        self.version: int = built.maglev_version()
        self._fill, self._highest, self._base64 = built.maglev_fill, built.maglev_highest, built.maglev_base64
        word, pointer = ctypes.c_uint32, ctypes.c_void_p
        self._fill.argtypes = [word, word, ctypes.c_char_p, pointer, pointer, pointer]
        self._fill.restype = None
        self._highest.argtypes = [word, pointer]
        self._highest.restype = word
        self._base64.argtypes = [word, ctypes.c_char_p, pointer]
        self._base64.restype = None

    def fill(self, size: int, hashes: bytes, weights: tuple[int, ...]) -> array[int]:
        """Slots in this machine's byte order. hashes: 16 bytes per real."""
        slots = array("H", bytes(2 * size))
        given = array("I", weights)
        scratch = array("I", bytes(8 * len(weights)))
        self._fill(size, len(weights), hashes, *(part.buffer_info()[0] for part in (given, scratch, slots)))
        return slots

    def highest(self, slots: array[int]) -> int:
        return int(self._highest(len(slots), slots.buffer_info()[0]))

    def base64(self, data: bytes) -> bytes:
        """What base64.b64encode() gives, without holding up other threads."""
        text = bytearray(4 * -(-len(data) // 3))
        if text:
            self._base64(len(data), data, ctypes.addressof(ctypes.c_char.from_buffer(text)))
        return bytes(text)


@cache
def library() -> Library | None:
    """None: not built, or of another version or machine. Python does the work then."""
    try:
        built = Library(LIBRARY)
    except (OSError, AttributeError):
        return None
    return built if built.version == LIBRARY_VERSION else None
