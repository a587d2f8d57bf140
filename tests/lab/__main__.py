"""`tools/lab demo [--keep]`, `tools/lab clean`. Exit: 0; 1 a check or the lab failed; 2 cannot run."""

from __future__ import annotations

import argparse
import os
import sys

from lab import cleanup, session, story
from lab.host import LabError
from lab.lab import Lab
from lab.plan import COMMANDS, ROOT, VIP, Names, default_names
from lab.report import Report


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="tell the story, then remove the lab")
    demo.add_argument("--keep", action="store_true", help="leave the lab up")
    commands.add_parser("clean", help="remove whatever a lab left behind")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        print("lab: network namespaces and BPF need root: run it by sudo", file=sys.stderr)
        return 2
    os.umask(0o022)
    try:
        names = default_names()
    except ValueError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    if arguments.command == "clean":
        return _clean(names)
    return _demo(names, arguments.keep)


def _clean(names: Names) -> int:
    removed = cleanup.clean(names)
    print(f"lab: removed {', '.join(removed)}" if removed else "lab: nothing to remove")
    return 0


def _demo(names: Names, keep: bool) -> int:
    with session.alone(names) as alone:
        if not alone:
            return 2
        session.interruptible()
        report = Report()
        code = 1
        try:
            session.prepare_host()
            story.tell(Lab(names), report)
            code = report.end()
            if code:
                session.show_logs(names)
        except LabError as error:
            print(f"\nlab: {error}", file=sys.stderr)
            session.show_logs(names)
        except KeyboardInterrupt:
            print("\nlab: interrupted", file=sys.stderr)
            code = 130
        finally:
            session.uninterruptible()
            if keep and code != 130:
                print(_look_around(names))
            else:
                removed = cleanup.clean(names)
                print(f"lab: removed {', '.join(removed)}" if removed else "lab: nothing to remove")
        return code


def _look_around(names: Names) -> str:
    lb1 = f"nsenter --net=/run/netns/{names.netns('lb1')}"
    ctl = COMMANDS.relative_to(ROOT) / "vc5ctl"
    client = f"nsenter --net=/run/netns/{names.netns('client')}"
    return f"""
The lab stays up. As root:
  {ctl} --socket {names.state}/lb1/vc5d.sock status
  {client} curl http://{VIP}/
  ip -n {names.netns("router")} route show {VIP}
  birdc -s {names.state}/router/bird.ctl show protocols
  {lb1} ip -details link show eth0
Configurations and logs: {names.state}
make clean-lab removes it."""


if __name__ == "__main__":
    sys.exit(main())
