"""Whether every encrypted value can be opened, and under which keys they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.encryption import Sealed
from core.errors import DecryptionFailed, KeyDestroyed, KeyUnavailable
from core.keys.columns import SealedColumn, sealed_columns
from core.keys.ring import data_keys

_ROWS = 200
_SHOWN = 5


@dataclass(kw_only=True, slots=True)
class Finding:
    """What is stored in one column.

    Attributes:
        column: `table.column`.
        values: how many were opened, by key's name.
        destroyed: how many are gone with their key, on purpose.
        unreadable: how many cannot be opened: their key is unknown or its provider away, or they
            were altered, moved, or never encrypted.
        examples: the first of these, each with why.
    """

    column: str
    values: Counter[str] = field(default_factory=Counter)
    destroyed: int = 0
    unreadable: int = 0
    examples: list[str] = field(default_factory=list)


def inspect(
    *, sample: int | None = None, columns: Sequence[SealedColumn] | None = None
) -> Iterator[Finding]:
    """Opens every value of every encrypted column, or in each so many of the oldest and newest."""
    for column in sealed_columns() if columns is None else columns:
        finding = Finding(column=str(column))
        for pks in _pages(column, sample):
            for pk, kid, value in column.read(pks):
                _open(finding, column, pk, kid, value)
        yield finding


def _pages(column: SealedColumn, sample: int | None) -> Iterator[list[Any]]:
    if sample is not None:
        pks = column.edges(sample)
        yield from (pks[n : n + 1] for n in range(len(pks)))  # one may have 16 MB
        return
    after: str | None = None
    while page := column.page(after, rows=_ROWS):
        yield [entry.pk for entry in page]
        after = str(page[-1].pk)


def _open(finding: Finding, column: SealedColumn, pk: Any, kid: str | None, value: Sealed) -> None:
    try:
        data_keys.open(value, place=column.place(pk))
    except KeyDestroyed:
        finding.destroyed += 1
    except (KeyUnavailable, DecryptionFailed) as error:
        finding.unreadable += 1
        if len(finding.examples) < _SHOWN:
            finding.examples.append(f"row {pk}: {error.message}")
    else:
        finding.values[str(kid)] += 1
