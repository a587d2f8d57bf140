"""Mutated packets: a few ten thousand here, ten million by `make fuzz-datapath`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .fuzz import ROOMY, ROUND, play
from .kernel import Kernel, one_cpu
from .mutate import corpus
from .pair import Pair

pytestmark = pytest.mark.bpf

PACKETS = int(os.environ.get("VC5_FUZZ", "40000"))
SEED = int(os.environ.get("VC5_FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def roomy(bpf_object: Path) -> Iterator[Pair]:
    if os.geteuid() != 0:
        pytest.skip("loading a BPF program needs root")
    before = os.sched_getaffinity(0)
    kernel = Kernel(bpf_object, ROOMY)
    yield Pair(kernel, one_cpu())
    kernel.close()
    os.sched_setaffinity(0, before)


def test_mutated_packets(roomy: Pair) -> None:
    frames = corpus()
    for seed in range(SEED, SEED + -(-PACKETS // ROUND)):
        play(roomy, frames, seed)
