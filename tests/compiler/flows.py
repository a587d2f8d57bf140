"""Documents in the data path's model (tests/bpf): frames go in, and out comes the real that got them."""

from __future__ import annotations

from dataclasses import replace

from bpf.flow_frames import NUMBERS, frame
from vc5c.documents import Document, Service, Table

from bpf import model


class Path:
    """One service of a document. `order`: the reals, those of a later document too."""

    def __init__(self, document: Document, service: Service, order: list[str]) -> None:
        self.protocol, self._order = service.protocol, order
        reals = [model.Real(number, address, model.ABSENT) for number, address in enumerate(order, 1)]
        owners = self._owners(service.table)
        self._service = model.Service(
            service.vip.text, service.port, NUMBERS[service.protocol], reals, owners, service.track
        )
        self._balancer = model.Balancer([self._service], seed=document.seed)

    def set_state(self, address: str, state: int, consult: bool = False) -> None:
        real = self._service.reals[self._order.index(address)]
        real.state, real.consult = state, real.consult or consult

    def state(self, address: str) -> int:
        return self._service.reals[self._order.index(address)].state

    def flip(self, document: Document, service: Service) -> None:
        """Slots whose owner changes go into transition, as vc5d does it. States are the caller's."""
        mine, table = self._service, self._owners(service.table)
        all_slots = self._balancer.seed != document.seed or len(table) != len(mine.table)
        moves = [all_slots or mine.table[slot] != owner for slot, owner in enumerate(table)]
        if any(moves):
            mine.first = model.First(mine.table, self._balancer.seed)
        mine.slots = [model.TRANSITION if move else model.CLEAR for move in moves]
        mine.table, mine.track, self._balancer.seed = table, service.track, document.seed
        self._balancer.reindex()

    def send(self, client: tuple[str, int], syn: bool) -> str | None:
        """Who gets this packet; None: it is dropped."""
        return self._through(self._balancer, client, syn)

    def fresh(self, client: tuple[str, int]) -> str | None:
        """Who would get it if no flow were known, and no change under way."""
        reals = [replace(real, consult=False) for real in self._service.reals]
        clear = replace(self._service, reals=reals, slots=[], first=None, track="minimal")
        return self._through(model.Balancer([clear], seed=self._balancer.seed), client, syn=True)

    def _through(self, balancer: model.Balancer, client: tuple[str, int], syn: bool) -> str | None:
        vip = self._service.address, self._service.port
        outcome = balancer.process(frame(client, vip, self.protocol, syn))
        return self._order[outcome.real[1]] if outcome.real else None

    def _owners(self, table: Table) -> list[int]:
        return [self._order.index(table.owner(slot)) for slot in range(table.size)]
