"""What an apply did, for people and logs."""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Plan


@dataclass(frozen=True)
class Report:
    """`unchanged`: the document was live already. `replaced`: it outgrew the maps, so a new program with
    bigger ones took over. Durations in seconds."""

    digest: str
    generation: int
    unchanged: bool = False
    replaced: bool = False
    services_added: int = 0
    services_removed: int = 0
    reals_added: int = 0
    reals_removed: int = 0
    tables_kept: int = 0
    tables_written: int = 0
    seconds: float = 0.0


def report(plan: Plan, replaced: bool, unchanged: bool, seconds: float) -> Report:
    """Of a plan that was carried out."""
    return Report(
        digest=plan.document.digest,
        generation=plan.after.number,
        unchanged=unchanged,
        replaced=replaced,
        services_added=plan.new_services,
        services_removed=len(plan.retired_ids),
        reals_added=len(plan.new_reals),
        reals_removed=sum(len(indexes) for indexes in plan.leaving.values()),
        tables_kept=plan.tables_kept,
        tables_written=len(plan.tables),
        seconds=seconds,
    )
