"""Every fault of the catalogue hits a few times in each check; `make faults` injects all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.lane import Lane, remove_leftovers
from tests.faults.plan import FAULTS, Fault

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
_SUBSET = [fault for fault in FAULTS if fault.subset]


@pytest.fixture(scope="module")
def lane() -> Iterator[Lane]:
    """A platform of its own; one in each process of pytest-xdist that gets some of these tests."""
    remove_leftovers()
    with Lane(small=True) as lane:
        yield lane


@pytest.mark.parametrize("fault", _SUBSET, ids=lambda fault: fault.name)
def test_nothing_is_lost(fault: Fault, lane: Lane) -> None:
    outcome = lane.inject(fault.name, n=fault.subset, seed=1)
    assert outcome.problems == []
    assert outcome.hits == fault.subset
