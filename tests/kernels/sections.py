"""What is run on a kernel: the parts of the test suite that depend on one, and no more, since by emulation a
second takes ten. The whole of tests/bpf is for a machine: it compares the same program with the same model.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """tests: arguments for pytest. quick: short enough for CI. ages: it has old flows."""

    name: str
    what: str
    tests: tuple[str, ...]
    quick: bool = False
    ages: bool = False


# One case for each row of the table of verdicts in bpf/DESIGN.md and of its state table; without the
# random histories.
PACKETS = (
    "tests/bpf/test_forward.py",
    "tests/bpf/test_fragments.py",
    "tests/bpf/test_icmp.py",
    "tests/bpf/test_track.py",
)
SECTIONS = (
    Section(
        "loads",
        "the program and its tracing twin pass this kernel's verifier, within the cost that is allowed",
        ("tests/bpf/test_cost.py", "tests/bpf/test_program.py", "tests/bpf/test_maps.py"),
        quick=True,
    ),
    Section(
        "daemon",
        "vc5d's data path: adopting, upgrading from the former layout, outgrowing its maps",
        ("tests/runtime/test_dataplane_bpf.py", "tests/runtime/test_upgrade.py"),
    ),
    Section(
        "trace",
        "vc5ctl trace: the ring buffer, and programs that change places",
        ("tests/bpf/test_trace.py",),
    ),
    Section(
        "sharing",
        "flows that are told of, `merge` against a dictionary, `gate` on a socket",
        ("tests/bpf/test_sharing.py",),
        quick=True,
    ),
    Section("demo", "the whole system, VLANs by 802.1Q devices", ("tests/lab/test_demo.py",)),
    Section("bond", "LACP bonds: a member lost and returned under load", ("tests/lab/test_bond.py",)),
    Section(
        "queues",
        "virtio-net cards with several queues, native and generic, tagged and not",
        ("tests/kernels/test_queues.py",),
        quick=True,
    ),
    Section(
        "tunnels",
        "vc5d, its checks and clients through every tunnel into the kernel's own devices, at the MTU",
        ("tests/lab/test_tunnels.py",),
        quick=True,
    ),
    Section("packets", "bytes in, verdict, bytes out, counters, beside the model", PACKETS, ages=True),
)
