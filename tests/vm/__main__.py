"""Run a command of the project on one of Debian's own kernels, in a virtual machine without the network.

    PYTHONPATH=tests python3 -m vm [--release bookworm|trixie] [--kernel bookworm|trixie] [COMMAND…]

The build machine's kernel may lack what Debian's has: 802.1Q devices, bonds, tunnels. The command runs as
root in a copy of the project, by emulation: slowly, but with a clock to match (guest.py). Its output and exit
code are this command's own; 124 when it did not end in time, 125 when the virtual machine could not be made
or did not run. What is made once is kept in build/vm. The kernel's console: build/vm/console-VERSION.log.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from types import FrameType

from vm.guest import TIMED_OUT, Guest
from vm.host import VmError, building, require, say
from vm.kernel import kernel
from vm.sources import RELEASES
from vm.system import root_directory, root_image
from vm.tree import tree_image

COULD_NOT_RUN = 125


def make_guest(
    release: str, kernel_of: str, memory_mib: int, cpus: int, queues: int = 0, beside: str = ""
) -> Guest:
    """Everything that the guest needs, made or found. Raises VmError."""
    with building():
        root = root_directory(release)
        its_kernel = kernel(kernel_of, root if kernel_of == release else root_directory(kernel_of))
        tree = tree_image(release, root, beside)
        image = root_image(release, root)
    return Guest(its_kernel, image, tree, root / "bin/busybox", memory_mib, cpus, queues)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="vm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--release", choices=RELEASES, default="bookworm", help="Debian release inside")
    parser.add_argument("--kernel", choices=RELEASES, help="whose kernel; default: the release's own")
    parser.add_argument("--cpus", type=int, default=1, help="more do not make it faster; default: 1")
    parser.add_argument("--memory", type=int, default=3072, metavar="MIB")
    parser.add_argument(
        "--queues", type=int, default=0, metavar="N", help="two network cards with so many queues, joined"
    )
    parser.add_argument(
        "--with", dest="beside", default="", metavar="DIRECTORY", help="of the tree, that git does not have"
    )
    parser.add_argument("--timeout", type=float, default=1800, metavar="SECONDS")
    parser.add_argument("command", nargs="*", default=["uname -a"], help="words, or one line for bash")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    words: list[str] = options.command
    command = words[0] if len(words) == 1 else shlex.join(words)
    try:
        require()
        kernel_of = options.kernel or options.release
        guest = make_guest(
            options.release, kernel_of, options.memory, options.cpus, options.queues, options.beside
        )
        say(f"booting {guest.kernel.version}: {command.partition(chr(10))[0]}")
        begin = time.monotonic()
        code = guest.run(command, options.timeout)
    except VmError as error:
        print(f"vm: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return 130
    ending = f"not within {options.timeout:g} s" if code == TIMED_OUT else f"exit code {code}"
    say(f"{ending}, after {time.monotonic() - begin:.0f} s")
    return code


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM ends like Ctrl-C: the machine off, the scratch files gone."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(main())
