"""Two network cards of the guest with several queues each, joined by a bridge outside: nothing else is on it.

Each card is a multi-queue tap device in a network namespace of its own, where the emulator runs too. Which of
a card's queues a frame comes in by is decided by its flow, as a network card's own hash would.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vm.host import run

CARDS = 2


@dataclass(frozen=True)
class Cable:
    """netns: where the taps are."""

    netns: str
    queues: int

    @property
    def enter(self) -> list[str]:
        """Words before the emulator's command."""
        return ["nsenter", f"--net=/run/netns/{self.netns}", "--"]

    @property
    def devices(self) -> list[str]:
        """Words for the emulator. Their drivers must do the taps' work themselves: no vhost by emulation."""
        words = []
        for card in range(CARDS):
            tap = f"tap,id=card{card},ifname=tap{card},script=no,downscript=no,vhost=off,queues={self.queues}"
            vectors = 2 * self.queues + 2  # an interrupt for each queue, in and out, and two of the card
            mac = f"52:54:00:00:00:{card + 1:02x}"
            words += ["-netdev", tap]
            words += ["-device", f"virtio-net-pci,netdev=card{card},mq=on,vectors={vectors},mac={mac}"]
        return words


@contextmanager
def cable(queues: int) -> Iterator[Cable | None]:
    """None for no queues. Raises VmError when the namespace or the taps cannot be made."""
    if not queues:
        yield None
        return
    made = Cable(f"vc5-vm-{os.getpid()}", queues)
    run(["ip", "netns", "add", made.netns])
    try:
        inside = ["ip", "-n", made.netns]
        # Nothing that the host would say by itself: the bridge has no address and does not snoop.
        run([*inside, "link", "add", "bridge", "type", "bridge", "stp_state", "0", "mcast_snooping", "0"])
        run([*inside, "link", "set", "bridge", "addrgenmode", "none", "up"])
        for card in range(CARDS):
            tap = f"tap{card}"
            run([*inside, "tuntap", "add", tap, "mode", "tap", "multi_queue"])
            run([*inside, "link", "set", tap, "master", "bridge", "addrgenmode", "none", "up"])
        yield made
    finally:
        run(["ip", "netns", "del", made.netns])
