"""Datagrams by somebody without the secret: python -m tests.sharing.attacker TARGET PORT SECONDS NODE

In turn: rubbish, another version, an unknown key, a known one with a wrong MAC, and that in the name of NODE
(16 hexadecimal digits), which is known. Prints how many were sent.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from vc5d.sharing import format
from vc5d.sharing.keys import Key, Keyring

from tests.sharing.fleet import SECRET


def rubbish(node: int) -> list[bytes]:
    known = Key.of(SECRET).id
    forger = Keyring(Key(known, b"w" * 32, b"w" * 32))  # it has seen the key's id, and nobody's secret
    stranger = Keyring(Key(known ^ 1, b"w" * 32, b"w" * 32))
    flows = bytes(20 * 60)
    future = bytearray(format.sign(forger, format.Stamp(1, 1, 1), 16, flows))
    future[4] = 2
    return [
        os.urandom(1200),
        b"short",
        bytes(future),
        format.sign(stranger, format.Stamp(1, 1, 1), 16, flows),
        *(format.sign(forger, format.Stamp(n, 1, 1), format.GREETING, b"") for n in range(1, 5)),
        *(format.sign(forger, format.Stamp(node, 2**63 + n, 1), 16, flows) for n in range(12)),
    ]


def main() -> None:
    target, port, seconds, node = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4], 16)
    sender, datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), rubbish(node)
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for datagram in datagrams:
            sender.sendto(datagram, (target, port))
        sent += len(datagrams)
    print(sent)


if __name__ == "__main__":
    main()
