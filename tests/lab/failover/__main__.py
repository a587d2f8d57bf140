"""tools/failover [--variants off,on] [--events abc] [--connections N]: each variant's figures go into
build/failover.json. Exit: 0; 1 the lab failed, or with --strict a connection broke that should not;
2 cannot run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from typing import Any

from lab import bird, cleanup, session
from lab.failover.events import EVENTS, Row, happen
from lab.failover.fleet import VARIANTS, Fleet, names_of
from lab.host import LabError, run
from lab.plan import BUILD, Names, default_names

FOUND = BUILD / "failover.json"
LOGS = BUILD / "failover-logs"  # of variants in which a connection broke that should not


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/failover", description=__doc__)
    parser.add_argument("--variants", default="on,off,full-on", help=", ".join(VARIANTS))
    parser.add_argument("--events", default="abcdefghi")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--strict", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("failover: network namespaces and BPF need root", file=sys.stderr)
        return 2
    lab = default_names().lab
    names = names_of(lab)
    with session.alone(names) as ours:
        if not ours:
            return 2
        os.umask(0o022)
        session.prepare_host()
        session.interruptible()
        code = 0
        for variant in arguments.variants.split(","):
            code = _variant(names, variant, arguments.events, arguments.connections, arguments.strict) or code
            if code == 130:
                break
        return code


def _variant(names: Names, variant: str, letters: str, connections: int, strict: bool) -> int:
    fleet = Fleet(names, variant, connections)
    rows: list[Row] = []
    print(f"\n{variant}: {connections} connections", flush=True)
    try:
        fleet.come_up()
        for row in happen(fleet, letters):
            rows.append(row)
            _tell(variant, connections, row)
    except LabError as error:
        print(f"failover: {error}", file=sys.stderr)
        print(run(["birdc", "-s", bird.control(names, "router"), "show", "protocols"]), file=sys.stderr)
        session.show_logs(names)
        return 1
    except KeyboardInterrupt:
        print("failover: interrupted", file=sys.stderr)
        return 130
    finally:
        session.uninterruptible()
        fleet.stop()
        if fleet.shares and _lost(rows):
            _keep_logs(names, variant)
        cleanup.clean(names)
        session.interruptible()
    return int(strict and _lost(rows))


def _lost(rows: list[Row]) -> bool:
    return any(row.broken > row.own for row in rows)


def _keep_logs(names: Names, variant: str) -> None:
    """Every vc5d's, since the lab's files go with it."""
    kept = LOGS / variant
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for log in names.state.glob("*/vc5d.log"):
        shutil.copyfile(log, kept / f"{log.parent.name}.log")
    print(f"  what each vc5d said is in {kept}")


def _tell(variant: str, connections: int, row: Row) -> None:
    _write(variant, connections, row)  # what was found stays found
    print(
        f"  {row.letter:2} {row.title:58} elsewhere {row.elsewhere:4}  broken {row.broken:4} (own {row.own},"
        f" off the table {row.off_table})  failed {row.failed} of {row.asked}  converged {row.converged} s"
        f"  slow until {row.slow} s, slowest {row.slowest} s, {row.moves} moves  {row.why or ''}",
        flush=True,
    )
    for detail in row.details:
        print(f"       {detail}")


def _write(variant: str, connections: int, row: Row) -> None:
    found: dict[str, Any] = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    # An event that was run again replaces itself, as long as all else was the same.
    before = found.get(variant, {})
    same = (before.get("connections"), before.get("kernel")) == (connections, platform.release())
    by_letter = {row["letter"]: row for row in before["rows"]} if same else {}
    by_letter[row.letter] = row.plain()
    found[variant] = {
        "connections": connections,
        "kernel": platform.release(),
        "rows": [by_letter[letter] for letter, _, _ in EVENTS if letter in by_letter],
    }
    FOUND.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
