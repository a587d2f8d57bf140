"""These boot a fleet and so are not part of `make test`: VC5_FLEET=1, or `make fleet`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fleet import cleanup
from fleet.__main__ import missing
from fleet.plan import FleetNames


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing() if os.environ.get("VC5_FLEET") else "boots a fleet: VC5_FLEET=1, or make fleet"
    for item in items:
        if reason and item.get_closest_marker("fleet"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def names() -> Iterator[FleetNames]:
    """Of a fleet apart from one that was kept up; gone afterwards."""
    own = FleetNames("vc5-test")
    cleanup.clean(own)
    yield own
    cleanup.clean(own)
