"""The sockets: a group's, those of this host's addresses, TCP listeners. No rule of the format is here."""

from __future__ import annotations

import errno
import socket
import struct
from collections import Counter
from collections.abc import Iterator

from .gate import Gate
from .settings import Group, Wanted

MOST_BYTES = 9000  # of a datagram with its headers
_BUFFER = 1 << 22  # bytes: a second of full load, should this process not come to reading
_IP_MULTICAST_ALL = 49  # linux/in.h
_IPV6_MULTICAST_ALL = 29
_HEADERS = {4: 28, 6: 48}
_AT_ONCE = 512  # datagrams that are read before anything else is done


class Wire:
    """`readable`: to wait for. `listeners`: TCP. `room`: bytes that a datagram may have. `unsent`: by
    errno."""

    def __init__(self, wanted: Wanted, gate: Gate) -> None:
        """Raises OSError, and then nothing is open."""
        self._open: list[socket.socket] = []
        self.readable: list[socket.socket] = []
        self.listeners: list[socket.socket] = []
        self._ways: list[tuple[socket.socket, tuple[str, int]]] = []
        self.unsent: Counter[int] = Counter()
        families = {_version(address) for address in wanted.listen} or {6}
        self.room = min(wanted.mtu, MOST_BYTES) - max(_HEADERS[family] for family in families)
        try:
            own = {address: self._bound(address, wanted, gate) for address in wanted.listen}
            if wanted.group:
                self._join(wanted.group, wanted.port, gate, own[wanted.group.source])
            self._ways += [(own[source], (peer, wanted.port)) for peer, source in wanted.peers]
        except BaseException:
            self.close()
            raise

    def send(self, datagram: bytes) -> None:
        """To the group and to each peer. What cannot be sent is lost, as it may be anywhere on its way."""
        for sender, target in self._ways:
            try:
                sender.sendto(datagram, socket.MSG_DONTWAIT, target)
            except OSError as failure:
                self.unsent[failure.errno or errno.EIO] += 1

    @staticmethod
    def received(opened: socket.socket) -> Iterator[tuple[bytes, str]]:
        """What has come, with the sender's address; a limited number at a time."""
        for _ in range(_AT_ONCE):
            try:
                datagram, sender = opened.recvfrom(MOST_BYTES, socket.MSG_DONTWAIT)
            except OSError:  # nothing more, or an ICMP error about something that was sent
                return
            yield datagram, sender[0]

    def close(self) -> None:
        for each in self._open:
            each.close()

    def _bound(self, address: str, wanted: Wanted, gate: Gate) -> socket.socket:
        """One for datagrams, which is returned, and one for connections."""
        family = socket.AF_INET if _version(address) == 4 else socket.AF_INET6
        datagrams = self._udp(family, (address, wanted.port), gate)
        listener = socket.socket(family, socket.SOCK_STREAM)
        self._open.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, wanted.port))
        listener.listen(8)
        listener.setblocking(False)
        self.listeners.append(listener)
        return datagrams

    def _join(self, group: Group, port: int, gate: Gate, sender: socket.socket) -> None:
        if _version(group.address) == 4:
            receiver = self._udp(socket.AF_INET, (group.address, port), gate)
            receiver.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
            member = struct.pack("=4s4si", socket.inet_aton(group.address), bytes(4), group.ifindex)
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, member)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, group.ttl)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        else:
            receiver = self._udp(socket.AF_INET6, (group.address, port, 0, group.ifindex), gate)
            receiver.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
            member = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, group.address), group.ifindex)
            receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, group.ifindex)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, group.ttl)
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        self._ways.append((sender, (group.address, port)))

    def _udp(
        self, family: int, place: tuple[str, int] | tuple[str, int, int, int], gate: Gate
    ) -> socket.socket:
        opened = socket.socket(family, socket.SOCK_DGRAM)
        self._open.append(opened)
        gate.attach(opened)  # before it is bound: nothing comes in by it
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.setsockopt(socket.SOL_SOCKET, 33, _BUFFER)  # SO_RCVBUFFORCE
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        opened.bind(place)
        self.readable.append(opened)
        return opened


def _version(address: str) -> int:
    return 6 if ":" in address else 4
