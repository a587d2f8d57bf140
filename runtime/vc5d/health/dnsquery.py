"""DNS checks of a VIP on one real, over UDP or TCP: VC5's question, `version.bind` TXT of class CHAOS.

It asks for no zone's data, so any kind of server is asked alike. Most servers are told not to say their
version and refuse: that is an answer as good as any. So every well-formed answer to this very question
passes, whatever its response code, but SERVFAIL, by which the server itself says that it does not work.
"""

from __future__ import annotations

import asyncio
import socket

import dns.exception
import dns.message
import dns.rcode

from .checks import Check
from .failures import failed
from .state import Result
from .target import Target, marked_socket

_LONGEST_DATAGRAM = 65535


async def probe(target: Target, check: Check) -> Result:
    """Ends only when it is answered: the caller limits the time."""
    question = dns.message.make_query("version.bind.", "TXT", "CH")
    exchange, kind = (_by_tcp, socket.SOCK_STREAM) if check.method == "tcp" else (_by_udp, socket.SOCK_DGRAM)
    try:
        with marked_socket(target.family, kind, 0, target.mark) as connection:
            await asyncio.get_running_loop().sock_connect(connection, (target.vip, check.port))
            answer = await exchange(connection, question.to_wire())
    except ConnectionRefusedError:
        return Result(False, "connection refused" if check.method == "tcp" else "port unreachable")
    except OSError as failure:
        return failed(failure)
    return judge(question, answer)


async def _by_udp(connection: socket.socket, question: bytes) -> bytes:
    """The first datagram with the question's id. Any other is none of ours, and may be forged: it is passed
    over (RFC 5452)."""
    loop = asyncio.get_running_loop()
    connection.send(question)
    while True:
        answer = await loop.sock_recv(connection, _LONGEST_DATAGRAM)
        if answer[:2] == question[:2]:
            return answer


async def _by_tcp(connection: socket.socket, question: bytes) -> bytes:
    """Messages have their length in front (RFC 1035, 4.2.2). Shorter than said, if the connection ends."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, len(question).to_bytes(2, "big") + question)
    received = b""
    while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2], "big"):
        more = await loop.sock_recv(connection, _LONGEST_DATAGRAM)
        if not more:
            break
        received += more
    return received[2:]


def judge(question: dns.message.QueryMessage, answer: bytes) -> Result:
    """What `answer`, a message as it came, says of the server. Raises nothing."""
    if not answer:
        return Result(False, "the connection was closed without an answer")
    try:
        message = dns.message.from_wire(answer, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return Result(False, "not a DNS answer")
    if not question.is_response(message):
        return Result(False, "a DNS answer to another question")
    code = message.rcode()
    return Result(code != dns.rcode.SERVFAIL, f"DNS {dns.rcode.to_text(code)}")
