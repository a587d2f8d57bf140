"""The program under test, loaded once; tests that need it say why they are skipped where it cannot be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from vc5d.xdp.program import Program

from .capacity import CAPACITY
from .kernel import Kernel, one_cpu
from .packets import FAMILIES
from .pair import FamilyPair, Pair

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "bpf"
OBJECT = ROOT / "build" / "vc5.bpf.o"


@pytest.fixture(scope="session")
def bpf_object() -> Path:
    """The built object; it must be of these sources. VC5_OBJECT names another one, whatever it is of."""
    if other := os.environ.get("VC5_OBJECT"):
        return Path(other)
    if not OBJECT.exists():
        pytest.skip(f"{OBJECT.relative_to(ROOT)} is not built: run `make build`")
    newer = [path.name for path in SOURCES.glob("*.[ch]") if path.stat().st_mtime > OBJECT.stat().st_mtime]
    if newer:
        pytest.fail(f"{OBJECT.relative_to(ROOT)} is older than {', '.join(newer)}: run `make build`")
    return OBJECT


@pytest.fixture(scope="session")
def program(bpf_object: Path) -> Iterator[Program]:
    """As vc5d loads it."""
    _need_root()
    loaded = Program.load(bpf_object, CAPACITY)
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def kernel(bpf_object: Path) -> Iterator[Kernel]:
    """As the model's tests load it."""
    _need_root()
    loaded = Kernel(bpf_object)
    yield loaded
    loaded.close()


@pytest.fixture
def pair(kernel: Kernel) -> Iterator[Pair]:
    """The program beside the model, both without a document."""
    before = os.sched_getaffinity(0)
    yield Pair(kernel, one_cpu())
    os.sched_setaffinity(0, before)


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def both(pair: Pair, request: pytest.FixtureRequest) -> FamilyPair:
    """The same for packets of each family."""
    result = FamilyPair(pair.kernel, pair.cpu)
    result.family = request.param
    return result


def _need_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("loading a BPF program needs root")
