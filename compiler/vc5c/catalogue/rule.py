"""One entry of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a person is told of a rule, by `vc5c --rule`, docs/rules.md and SARIF.

    id: as in `[rule-id]`. severity: error, warning or note. example: YAML that breaks the rule; a test
    compiles it. In it `<N addresses>` and `<N times: LINE>` stand for what would be too long to show
    (examples.py). options: of the command line, that it takes to break it. files: others that belong to the
    example. ignorable: an `# vc5c: ignore[id]` may silence it; of errors, only those that leave a
    document which can be applied.
    """

    id: str
    means: str
    why: str
    example: str
    fix: str
    severity: str = "error"
    ignorable: bool = False
    options: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def silenceable(self) -> bool:
        return self.ignorable or self.severity != "error"
