"""`tools/fleet run | up | down`: the story of `make fleet`, a fleet to work with, and its removal.

Exit: 0; 1 a check or the fleet failed; 2 cannot run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from lab import session
from lab.host import LabError
from lab.plan import ROOT
from lab.report import Report

from fleet import cleanup, story
from fleet.controller import Controller
from fleet.fleet import Fleet
from fleet.image import RELEASES
from fleet.plan import MACHINES, FleetNames, default_names

TOOLS = ("debootstrap", "systemd-nspawn", "nsenter", "ip", "tc", "ethtool", "ssh", "ssh-keygen", "dpkg-deb")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/fleet", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="tell the story, then remove the fleet")
    run.add_argument("--keep", action="store_true", help="leave the fleet up")
    run.add_argument("--steps", default="", help="only these of its letters, after the first; such as abc")
    up = commands.add_parser("up", help="boot bare hosts, say where their inventory is, and leave them up")
    hold = commands.add_parser(
        "hold", help="what runs behind `up`: hosts that reboot need somebody to boot them"
    )
    for each in (run, up, hold):
        each.add_argument("--release", choices=RELEASES, default=RELEASES[0], help="Debian's, of the hosts")
    commands.add_parser("down", help="remove whatever a fleet left behind")
    arguments = parser.parse_args()
    os.umask(0o022)
    try:
        names = default_names()
    except ValueError as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 2
    if lacking := missing():
        print(f"fleet: {lacking}", file=sys.stderr)
        return 2
    if arguments.command == "down":
        print(_removed(names))
        return 0
    if arguments.command == "up":
        return _up(names, arguments.release)
    if arguments.command == "hold":
        return _hold(names, arguments.release)
    return _run(names, arguments)


def missing() -> str:
    if os.geteuid() != 0:
        return "containers, namespaces and BPF need root: run it by sudo"
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"not installed: {', '.join(absent)}: VC5_FLEET=1 make setup"
    return ""


def _removed(names: FleetNames) -> str:
    removed = cleanup.clean(names)
    return f"fleet: removed {', '.join(removed)}" if removed else "fleet: nothing to remove"


def _with_fleet(names: FleetNames, work: Callable[[], int], keep: bool) -> int:
    with session.alone(names) as alone:
        if not alone:
            return 2
        code = 1
        session.interruptible()
        try:
            session.prepare_host()
            code = work()
        except LabError as error:
            print(f"\nfleet: {error}", file=sys.stderr)
        except KeyboardInterrupt:
            print("\nfleet: interrupted", file=sys.stderr)
            code = 130
        finally:
            session.uninterruptible()
            if keep and code != 130:
                print(
                    f"\nThe fleet stays up: tools/fleet down removes it.\nInventory: {names.state}/inventory"
                )
            else:
                print(_removed(names))
        return code


def _run(names: FleetNames, arguments: argparse.Namespace) -> int:
    report = Report()

    def work() -> int:
        story.tell(Fleet(names, arguments.release), report, arguments.steps)
        return report.end()

    return _with_fleet(names, work, arguments.keep)


def _hold(names: FleetNames, release: str) -> int:
    """Until it is told to end."""

    def work() -> int:
        Fleet(names, release).build()
        Controller(names)
        names.supervisor.write_text(str(os.getpid()))
        while True:
            signal.pause()

    return _with_fleet(names, work, keep=False)


def _up(names: FleetNames, release: str) -> int:
    command = [sys.executable, "-m", "fleet", "hold", "--release", release]
    with names.log.open("w+b") as out:
        holding = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
        while not names.supervisor.exists() or names.supervisor.read_text() != str(holding.pid):
            if holding.poll() is not None:
                out.seek(0)  # by its descriptor: the file went with the fleet
                print(out.read().decode(), end="", file=sys.stderr)
                return holding.returncode or 1
            time.sleep(0.2)
    print(f"{len(MACHINES)} bare hosts are up. Inventory: {names.state}/inventory")
    return 0


if __name__ == "__main__":
    sys.exit(main())
