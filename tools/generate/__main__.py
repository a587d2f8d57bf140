"""Write what is generated from code and schemas, or (--check) say what is stale.

    .venv/bin/python tools/generate [--check]

docs/rules.md from the compiler's catalogue of rules; docs/reference-*.md from the schemas, and from the argument
specs of the Ansible roles; docs/events.md from the daemon's catalogue; docs/man/* from the commands' own parsers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import dashboard
import events
import manpages
import metrics
import reference
import rules
import variables

ROOT = Path(__file__).resolve().parents[2]
OUTPUTS: dict[str, Callable[[], str]] = {
    "docs/rules.md": rules.page,
    "docs/reference-config.md": lambda: reference.page("config"),
    "docs/reference-document.md": lambda: reference.page("document"),
    "docs/reference-problems.md": lambda: reference.page("problems"),
    "docs/events.md": events.page,
    "docs/metrics.md": metrics.page,
    "docs/reference-roles.md": variables.page,
    "contrib/grafana/vc5.json": dashboard.page,
    "docs/man/vc5c.1": lambda: manpages.page("vc5c"),
    "docs/man/vc5d.8": lambda: manpages.page("vc5d"),
    "docs/man/vc5ctl.8": lambda: manpages.page("vc5ctl"),
}


def main() -> int:
    stale = []
    for name, make in OUTPUTS.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale and "--check" in sys.argv[1:]:
        print(f"stale: {', '.join(stale)}; run `make generate`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
