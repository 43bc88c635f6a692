from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

SEED = os.environ.get("FUZZ_SEED", "20261122")
FULL = os.environ.get("FUZZ_FULL") == "1"


def pytest_configure() -> None:
    if not SEED.isdecimal():
        raise pytest.UsageError(f"the fuzz's seed is a whole number, not {SEED!r}")


@pytest.fixture
def fuzz() -> random.Random:
    """Where the input comes from. Fixed, so that a failure returns; another by FUZZ_SEED."""
    seed = int(SEED)
    print(f"FUZZ_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    return random.Random(seed)


@pytest.fixture
def amount() -> Callable[[int], int]:
    """How many of so many are tried: all by `make fuzz`, else a fiftieth."""
    return lambda whole: whole if FULL else max(whole // 50, 20)
