"""A synthetic set of texts with personal data and secrets, and of what only looks like them.

`samples(seed, count)` gives the same texts for the same seed. Each text holds values whose place
is known, and near misses: order numbers, dates, amounts, identifiers of things. Nothing in here
knows the detector.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.ai.safety.corpus.documents import Sample, Span, document

__all__ = ["Sample", "Span", "samples"]


def samples(seed: int, count: int) -> Iterator[Sample]:
    """As many texts as asked for."""
    chance = random.Random(seed)
    for _ in range(count):
        yield document(chance)
