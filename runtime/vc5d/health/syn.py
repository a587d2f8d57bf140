"""Half-open checks: a SYN to the VIP on the real, its answer read from a raw socket, then a RST.

The service never sees a connection. Answers of two reals to the same VIP differ in nothing but the sequence
number that they acknowledge, so each probe has a random one, and an answer is matched by it.

The kernel knows nothing of these connections. It would answer each SYN+ACK with a RST of its own, by the
default route, that is to some real of the router's choice. So each source port is held by a listening
socket with a filter that accepts no packet: TCP finds the socket, its filter discards the packet, no RST is
sent; the raw socket has its copy already. (tcp_v4_rcv runs the filter before it looks at the state.)
"""

from __future__ import annotations

import asyncio
import ctypes
import random
import secrets
import socket
import struct

from .checks import Check
from .packet import ACK, RST, SYN, Segment, build, parse_ipv4
from .state import Result
from .target import Target, in_words

_SO_ATTACH_FILTER = 26
_PORTS = 8  # source ports; several, so that a real's half-open connection of before is rarely met again


class SynProber:
    """Holds the source ports and the raw socket. Make it inside the running loop; close() it in the end."""

    def __init__(self) -> None:
        """Raises OSError without CAP_NET_RAW."""
        self._waiting: dict[int, asyncio.Future[Segment]] = {}
        self._holders = [_hold_port() for _ in range(_PORTS)]
        self._ports = [holder.getsockname()[1] for holder in self._holders]
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self._raw.setblocking(False)
        _attach(self._raw, _answers_to(self._ports))
        asyncio.get_running_loop().add_reader(self._raw, self._receive)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._raw)
        for each in (self._raw, *self._holders):
            each.close()

    async def probe(self, target: Target, check: Check) -> Result:
        """Passes on SYN+ACK. Ends only when it is answered: the caller limits the time (and then the
        real is told to forget the connection all the same)."""
        sequence = secrets.randbits(32)
        port = random.choice(self._ports)  # noqa: S311 - spreads, protects nothing
        expected = (sequence + 1) & 0xFFFFFFFF
        answer = asyncio.get_running_loop().create_future()
        self._waiting[expected] = answer
        try:
            self._send(target, Segment(port, check.port, sequence, 0, SYN))
            segment: Segment = await answer
        except OSError as failure:
            return Result(False, in_words(failure))
        except asyncio.CancelledError:
            self._reset(target, port, check.port, expected)
            raise
        finally:
            del self._waiting[expected]
        if segment.flags & RST:
            return Result(False, "connection refused")
        self._reset(target, port, check.port, expected)
        return Result(True, "SYN answered")

    def _reset(self, target: Target, port: int, to_port: int, sequence: int) -> None:
        try:
            self._send(target, Segment(port, to_port, sequence, 0, RST))
        except OSError:
            return  # a courtesy; the real forgets by itself in a minute

    def _send(self, target: Target, segment: Segment) -> None:
        mark = [(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("I", target.mark))]
        packet = build(segment, target.source, target.vip)
        self._raw.sendmsg([packet], mark, 0, (target.vip, 0))

    def _receive(self) -> None:
        """At most a batch at a time, so that other events have their turn."""
        for _ in range(256):
            try:
                data = self._raw.recv(2048)
            except OSError:  # nothing left; or an ICMP error, which is no answer either
                return
            segment = parse_ipv4(data)
            if segment is None or not segment.flags & ACK:
                continue
            waiting = self._waiting.get(segment.acknowledged)
            if waiting is not None and not waiting.done():
                waiting.set_result(segment)


def _hold_port() -> socket.socket:
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    _attach(holder, [(0x06, 0, 0, 0)])  # ret 0: before listen(), so that no connection is ever made
    holder.bind(("0.0.0.0", 0))  # noqa: S104 - the answers come to the address of the real's subnet
    holder.listen(1)
    return holder


def _answers_to(ports: list[int]) -> list[tuple[int, int, int, int]]:
    """Classic BPF: pass TCP segments with SYN or RST to one of `ports`; raw sockets see the IP header."""
    last = len(ports)
    return [
        (0xB1, 0, 0, 0),  # ldxb 4*([0]&0xf): X = length of the IP header
        (0x50, 0, 0, 13),  # ldb [x + 13]: the flags
        (0x45, 0, last + 1, SYN | RST),  # jset: none of them: to the refusal at the end
        (0x48, 0, 0, 2),  # ldh [x + 2]: the destination port
        *((0x15, last - index, 0, port) for index, port in enumerate(ports)),  # jeq: to the acceptance
        (0x06, 0, 0, 0),  # ret 0
        (0x06, 0, 0, 0xFFFF),  # ret 65535
    ]


def _attach(target: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    """SO_ATTACH_FILTER: struct sock_fprog, pointing at struct sock_filter {u16 code; u8 jt, jf; u32 k}."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    target.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    )
