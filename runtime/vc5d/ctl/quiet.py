"""`vc5ctl quiet`: wait until traffic has left this load balancer."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any

from ..errors import Vc5Error
from .ask import ask

_LOOK = 1.0  # s between two looks at the counters


def quiet(options: argparse.Namespace) -> int:
    """Returns 0 once few packets enough have come for some seconds on end. Raises Vc5Error when that takes
    too long."""
    began = time.monotonic()
    since, (when, count) = began, _seen(options)
    while True:
        time.sleep(_LOOK)
        before, earlier = count, when
        when, count = _seen(options)
        rate = max(0, count - before) / (when - earlier)
        if rate > options.below:
            since = when
        elif when - since >= options.seconds:
            sys.stdout.write(f"quiet for {when - since:.0f} s: {rate:.1f} packets a second\n")
            return 0
        if when - began > options.timeout:
            raise Vc5Error(
                f"after {options.timeout:g} s there are {rate:.0f} packets a second still",
                "do others announce the VIPs, and does the router honour GRACEFUL_SHUTDOWN (RFC 8326)?",
            )


def _seen(options: argparse.Namespace) -> tuple[float, int]:
    """When, and how many packets there were for services until then."""
    answer = ask(options.socket, "status")
    services: Mapping[str, Mapping[str, Any]] = answer["services"]
    return time.monotonic(), sum(each.get("packets", 0) for each in services.values())
