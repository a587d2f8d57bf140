"""How a real is reached by checks: on its VLAN, or through a tunnel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..document import Service, Tunnel


@dataclass(frozen=True)
class Way:
    """Through a tunnel. family: of the VIPs that are checked by it, 4 or 6."""

    real: str
    tunnel: Tunnel
    family: int

    @property
    def name(self) -> str:
        number = self.tunnel.port or self.tunnel.dscp
        return f"{self.real} by {self.tunnel.kind}{f' {number}' if number else ''} for IPv{self.family}"


def way_of(service: Service, real: str) -> Way | None:
    """None: the real is on a VLAN of this host's."""
    return Way(real, service.tunnel, service.key.family) if service.tunnel else None
