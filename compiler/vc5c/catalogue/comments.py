"""Rules about the comments that silence rules."""

from __future__ import annotations

from vc5c.catalogue.rule import Rule

WEB = "services:\n  - virtual: 192.0.2.1  {}\n    servers: [10.0.0.1]\n    policy: {{http: }}\n"

RULES = (
    Rule(
        id="unused-ignore",
        severity="warning",
        means="A comment `# vc5c: ignore[…]` that silences nothing.",
        why="What it was for is no longer so; left in place, it would hide the next problem there.",
        example=WEB.format("# vc5c: ignore[unchecked]"),
        fix="Remove the comment, or the id within it.",
    ),
    Rule(
        id="bad-ignore",
        severity="warning",
        means="A comment `# vc5c: ignore` without ids, with an unknown one, or with one that cannot be silenced.",
        why="Errors that leave no document to be applied stay errors, and a comment for all rules would hide too much.",
        example=WEB.format("# vc5c: ignore[duplicate-service]"),
        fix="Name the rules: `# vc5c: ignore[unchecked, need-zero]`, on the line or on one of its own above it.",
    ),
)  # fmt: skip
