"""What load balancers tell each other of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

LONGEST_SILENCE = 60.0  # s: a receiver bears no more, whatever a report says
SILENCE = 5.0  # s: four reports lost in a row, or a host that is very busy
RESTARTING = 60.0  # s: a planned restart takes less


@dataclass(frozen=True)
class Roster:
    """What a document has: its digest, and the stable ids of each service's reals by the service's own."""

    digest: str
    services: Mapping[int, frozenset[int]]

    @cached_property
    def reals(self) -> frozenset[int]:
        """Of all services."""
        found = set[int]()
        for reals in self.services.values():  # one by one: other threads have their turn in between
            found |= reals
        return frozenset(found)

    @cached_property
    def order(self) -> npt.NDArray[np.uint32]:
        """The order in which the reals come in messages."""
        return np.sort(np.fromiter(self.reals, np.uint32, len(self.reals)))

    def lacks(self, service: int, real: int) -> bool:
        """It has the service, and not as one of its reals this one: flows of it are nobody's there. Flows to
        a service that it lacks as a whole do not come there."""
        return service in self.services and real not in self.services[service]


@dataclass(frozen=True)
class Opinion:
    """What a load balancer's fleet says of one of its reals. held: it must not accept, for a peer's sake
    (rule 4). kept: a peer's checks say that it is up (rule 3)."""

    held: bool = False
    kept: bool = False


@dataclass(frozen=True)
class Report:
    """One load balancer's. boot: 8 random bytes of its start. silence: seconds after which it counts as gone;
    0: it says farewell. moving: some service of it has a previous table. alive: reals that its own checks say
    are up, never what it was told. roster: None: not known here so far."""

    boot: bytes
    name: str
    digest: str
    alive: frozenset[int] = frozenset()
    silence: float = SILENCE
    learning: bool = False
    moving: bool = False
    loads: Mapping[int, int] = field(default_factory=dict)
    roster: Roster | None = None
