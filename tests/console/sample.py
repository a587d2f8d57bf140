"""A status that lives, for a console without a load balancer: traffic swells and ebbs, a real is down,
another drains, packets come from somewhere."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from vc5d.activity import Activity
from vc5d.announce.bird_client import Session, Sessions

_NAMES = ("web", "api", "mail", "dns", "git", "chat", "media", "login")
_REASONS = {
    "drop_unknown_port": 2201,
    "drop_malformed": 17,
    "drop_blocked": 904,
    "answer_echo": 5120,
    "pass_not_vip": 48211,
    "note_not_stored": 0,
}


def _fleet() -> dict[str, Any]:
    """Four load balancers, of which one has the document of yesterday."""
    digests = ["sha256:7b8e0d3fa4c1295e"] * 2 + ["sha256:11aa22bb33cc44dd"]
    peers = [
        {
            "address": f"192.0.2.{251 + number}",
            "name": f"lb{number + 2}",
            "digest": digest,
            "agrees": number < 2,
            "learning": False,
            "moving": number == 1,
        }
        for number, digest in enumerate(digests)
    ]
    return {
        "on": True,
        "agreed": False,
        "settled": False,
        "learned": True,
        "learned_why": "from 192.0.2.251",
        "documents": {digests[0]: 3, digests[2]: 1},
        "held": [{"service": "192.0.2.1:80:tcp", "real": "10.0.0.15"}],
        "kept": [],
        "peers": peers,
    }


class Sample:
    """`services` of them with `reals` each. Counters grow with the clock from `start` on, faster by day."""

    def __init__(self, services: int = 8, reals: int = 6) -> None:
        self.services, self.reals, self.start = services, reals, time.time()

    async def status(self) -> dict[str, Any]:
        """As Daemon gives it."""
        now = time.time()
        passed = now - self.start + 3600
        services = dict(self._service(number, passed, now) for number in range(self.services))
        vips = dict.fromkeys(key.split(":")[0] for key in services)
        return {
            "version": "0.1.0",
            "host": "lb1",
            "started": now - 93_000,
            "live": now - 5_400,
            "digest": "sha256:7b8e0d3fa4c1295e",
            "generation": 12,
            "document": "/etc/vc5/config.json",
            "interfaces": {"eth0": "native", "eth1": "native"},
            "announced": [vip for number, vip in enumerate(vips) if number != 3],
            "drained": [],
            "reload_failure": None,
            "vips": {vip: _vip(number, now) for number, vip in enumerate(vips)},
            "services": services,
            "reasons": {name: int(count * passed / 3600) for name, count in _REASONS.items()},
            "flows": {"tcp": 1804, "syn": 12, "udp": 977},
            "packet_ns": 41.0,
            "fleet": _fleet(),
        }

    def _service(self, number: int, passed: float, now: float) -> tuple[str, dict[str, Any]]:
        key = f"192.0.{2 + number // 250}.{1 + number % 250}:{(80, 443, 25, 53)[number % 4]}:tcp"
        reals = {
            f"10.{number // 250}.{number % 250}.{10 + at}": _real(number, at, self.reals, passed, now)
            for at in range(self.reals)
        }
        sums = {
            name: sum(real[name] for real in reals.values())
            for name in ("packets", "bytes", "flows", "sessions")
        }
        slots = {"clear": 16381 - 212 * (number == 1), "transition": 212 * (number == 1), "consult": 0}
        name = f"{_NAMES[number % len(_NAMES)]}{number // len(_NAMES) or ''}"
        need = 1 if number != 3 else self.reals
        return key, {"name": name, "need": need, "slots": slots, "reals": reals, **sums}


def _vip(number: int, now: float) -> dict[str, Any]:
    up = number != 3
    why = "" if up else "192.0.2.4:53:tcp has 5 of the 6 reals that it needs"
    return {"up": up, "announce": up, "leaving": False, "why": why, "priority": "high", "since": now - 7000}


def _real(number: int, at: int, of: int, passed: float, now: float) -> dict[str, Any]:
    down, draining = (number, at) == (3, 2), (number, at) == (1, 4)
    weight = 0.0 if down else (3 + math.cos(number * 2 + at)) / (1 + number % 7)
    wave = passed + 30 * math.sin(passed / 40 + number) + 1.5 * math.sin(passed / 7)
    packets = int(weight * 900 * wave)
    return {
        "state": "down" if down else "draining" if draining else "accepting",
        "up": not down,
        "reason": "HTTP 503, expected 200" if down else "HTTP 200",
        "since": now - (340 if down else 80_000),
        "checked": {"when": now - (0.1 * at) % 1, "seconds": 0.0011 + 0.0003 * at, "ok": not down},
        "consult": False, "configured": True, "disabled": draining, "drained": False, "weight": 1,
        "mac": f"02:00:00:{number % 256:02x}:10:{at:02x}", "vlan": 10 + 10 * (at % 2), "share": 1 / of,
        "packets": packets, "bytes": packets * 420, "flows": packets // 23,
        "sessions": int(weight * 120 * (2 + math.sin(passed / 31))),
    }  # fmt: skip


@dataclass(frozen=True)
class Prefixes:
    """As sampling.Prefixes."""

    v4: npt.NDArray[np.uint64]
    v6: dict[int, int]


async def prefixes() -> Prefixes:
    """Clusters, as providers' networks are, with a long tail."""
    random = np.random.default_rng(5)
    counts = np.zeros(1 << 20, np.uint64)
    for _ in range(260):
        middle = int(random.integers(1 << 12, 223 << 12))
        around = np.clip(random.normal(middle, random.uniform(8, 260), 300).astype(int), 0, (1 << 20) - 1)
        np.add.at(counts, around, random.pareto(0.9, 300).astype(np.uint64) + 1)
    return Prefixes(counts, {0x20010DB80001: 4711, 0x20010DB80002: 88})


async def bird() -> Sessions:
    """Two routers."""
    return Sessions(
        (
            Session("router1", True, "2026-03-01", "Established"),
            Session("router2", False, "09:12:44", "Active        Socket: Connection refused"),
        )
    )


def activity(now: float) -> Activity:
    """With a few events."""
    made = Activity()
    for seconds, level, event, values in (
        (5400, "info", "reload.done", {"digest": "sha256:7b8e0d3fa4c1295e", "changed": True}),
        (
            340,
            "info",
            "real.down",
            {"service": "192.0.2.4:53:tcp", "real": "10.0.3.12", "reason": "HTTP 503"},
        ),
        (339, "error", "vip.down", {"vip": "192.0.2.4", "priority": "critical"}),
        (12, "warning", "real.mac", {"real": "10.0.1.14", "why": "ARP contradicts the document"}),
    ):
        made.on_event(event, level, values, now - seconds)
    return made
