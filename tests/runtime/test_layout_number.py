"""What is pinned on hosts says by its layout's number how it is read: no other may have that number."""

from __future__ import annotations

import hashlib

from vc5d.xdp.layout import Reason, Vc5Layout
from vc5d.xdp.maps import RECORDS
from vc5d.xdp.stores import PER_CPU, TABLES

DIGESTS = {4: "ae10e9a9dff53560"}
HINT = """\
What lies in the maps has changed. Where the number was landed already: bump VC5_LAYOUT_VERSION (bpf/vc5.h),
add what it was to runtime/vc5d/generation/frozen.py and to tests/runtime/older, so that an upgrade reads it;
then put the new digest here."""


def test_a_layout_keeps_its_number() -> None:
    described = [
        *((name, dtype.descr) for name, dtype in sorted(RECORDS.items())),
        *sorted((name, str(types)) for name, types in TABLES.items()),
        *sorted((name, str(dtype)) for name, dtype in PER_CPU.items()),
        *((reason.name, reason.value) for reason in Reason),
    ]
    digest = hashlib.sha256(repr(described).encode()).hexdigest()[:16]
    assert DIGESTS.get(int(Vc5Layout.VERSION)) == digest, f"{HINT}\n{digest}"
