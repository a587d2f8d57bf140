"""The kernel's ring buffer, read by libbpf."""

from __future__ import annotations

import ctypes

from ..errors import Vc5Error
from ..xdp.libbpf import SAMPLE_CALLBACK, library

_ENOUGH = -1  # from the callback: what it was given is taken, and the call ends


class Ring:
    """Records of the ring buffer map `fd`. `fileno()` becomes readable when there are some. Not to be used
    from several threads."""

    def __init__(self, fd: int) -> None:
        self._taken: list[bytes] = []
        self._most = 0
        self._callback = SAMPLE_CALLBACK(self._take)  # libbpf keeps only a pointer to it
        self._handle = library().ring_buffer__new(fd, self._callback, None, None)
        if not self._handle:
            raise Vc5Error("the ring buffer of the tracing program cannot be opened")

    def fileno(self) -> int:
        return int(library().ring_buffer__epoll_fd(self._handle))

    def read(self, most: int) -> list[bytes]:
        """At most so many, 1 or more, without waiting."""
        self._taken, self._most = [], most
        library().ring_buffer__consume(self._handle)
        return self._taken

    def close(self) -> None:
        if self._handle:
            library().ring_buffer__free(self._handle)
            self._handle = None

    def _take(self, _context: int, data: int, size: int) -> int:
        self._taken.append(ctypes.string_at(data, size))
        return 0 if len(self._taken) < self._most else _ENOUGH
