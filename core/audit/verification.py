"""Checking the chain against tampering.

Found: a row that was edited, deleted, inserted or moved, a seal that somebody forged, and rows cut
off at the end as far as this machine's note of the head (`anchors`) reaches. Not found: that the
rows of the last seconds, which nobody had sealed, were deleted; that somebody who has the key wrote
the chain anew and the notes with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from core.audit import anchors, seals
from core.audit.anchors import BadNote, Head
from core.audit.models import AuditEntry
from core.keys.ring import data_keys

MAX_FAULTS = 100
_PAGE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that is wrong. `sequence` and `entry` are None where there is no such row."""

    sequence: int | None
    entry: UUID | None
    message: str

    def __str__(self) -> str:
        where = "unsealed row" if self.sequence is None else f"row {self.sequence}"
        return f"{where}{f' ({self.entry})' if self.entry else ''}: {self.message}"


@dataclass(kw_only=True, slots=True)
class Report:
    """What was found. The chain is whole where there are no faults.

    Attributes:
        rows: how many sealed rows were read.
        head: the last of them.
        unsealed: how many rows wait for the sealer; since when the oldest one does.
        anchored: up to which row this machine's note reaches; None where it has none.
        faults: the first ones, in the chain's order.
    """

    rows: int = 0
    head: Head = field(default_factory=lambda: Head(sequence=0, seal=seals.FIRST))
    unsealed: int = 0
    waiting_since: datetime | None = None
    anchored: int | None = None
    faults: list[Fault] = field(default_factory=list)


def verify(expected: Head | None = None, *, last: int | None = None) -> Report:
    """Reads the log and recomputes every row's proof.

    Args:
        expected: a head that was noted elsewhere, which the chain must still have.
        last: reads only so many sealed rows at the end, and unsealed ones; all where None.
    """
    report = Report() if last is None else Report(head=_before(last))
    # Before the rows are read: what is sealed meanwhile must not look like a mistake.
    wanted = _wanted(report, expected)
    for entry in _sealed(report.head.sequence):
        _check(report, entry)
        if len(report.faults) >= MAX_FAULTS:
            return report
    for head, source in wanted:
        if not anchors.holds(head):
            message = f"{source} knows this row with another seal, or it was cut off"
            report.faults.append(Fault(sequence=head.sequence, entry=None, message=message))
    _check_unsealed(report, last)
    return report


def _wanted(report: Report, expected: Head | None) -> list[tuple[Head, str]]:
    wanted = [(expected, "the given head")] if expected else []
    try:
        noted = anchors.read()
    except BadNote as error:
        report.faults.append(Fault(sequence=None, entry=None, message=str(error)))
    else:
        if noted is not None:
            report.anchored = noted.sequence
            wanted.append((noted, f"the note {anchors.path()}"))
    return wanted


def _check(report: Report, entry: AuditEntry) -> None:
    sequence, known = entry.sequence or 0, report.head
    report.rows += 1
    if sequence <= known.sequence:
        _add(report, entry, "its number belongs to another row: it was inserted")
        return
    missing = sequence - known.sequence - 1
    if missing:
        gone = "one row was" if missing == 1 else f"{missing} rows were"
        _add(report, entry, f"{gone} deleted before it")
    key = data_keys.audit_keys().get(entry.key_id)
    if key is None:
        _add(report, entry, f"the key {entry.key_id!r} that would prove it is not here")
    elif not seals.same(seals.mac(key, entry), entry.mac):
        _add(report, entry, "it was edited, or the platform has not written it")
    elif not missing and not _follows(known, entry):
        _add(report, entry, "its seal does not follow from the row before: it was moved, or forged")
    report.head = Head(sequence=sequence, seal=entry.seal or "")


def _follows(known: Head, entry: AuditEntry) -> bool:
    return any(
        seals.same(
            seals.seal(key, previous=known.seal, sequence=entry.sequence or 0, row=entry.mac),
            entry.seal,
        )
        for key in data_keys.audit_keys().values()
    )


def _check_unsealed(report: Report, most: int | None) -> None:
    rows = AuditEntry.objects.filter(sequence__isnull=True).order_by("id")[:most]
    for entry in rows.iterator(_PAGE):
        key = data_keys.audit_keys().get(entry.key_id)
        if key is None or not seals.same(seals.mac(key, entry), entry.mac):
            _add(report, entry, "the platform has not written it: it was inserted or edited")
            if len(report.faults) >= MAX_FAULTS:
                return
            continue
        report.unsealed += 1
        report.waiting_since = report.waiting_since or entry.at


def _add(report: Report, entry: AuditEntry, message: str) -> None:
    report.faults.append(Fault(sequence=entry.sequence, entry=entry.pk, message=message))


def _before(last: int) -> Head:
    """The row that the last ones follow."""
    ends = AuditEntry.objects.filter(sequence__isnull=False).order_by("-sequence")
    for entry in ends[last : last + 1]:
        return Head(sequence=entry.sequence or 0, seal=entry.seal or "")
    return Head(sequence=0, seal=seals.FIRST)


def _sealed(since: int) -> Iterator[AuditEntry]:
    rows = AuditEntry.objects.filter(sequence__isnull=False).order_by("sequence", "id")
    # Also what stands before the first row, where nothing may be.
    after = Q(sequence__gt=since) if since else Q()
    while page := list(rows.filter(after)[:_PAGE]):
        yield from page
        last = page[-1]
        # The first condition is one that the index can begin at.
        after = Q(sequence__gte=last.sequence) & (Q(sequence__gt=last.sequence) | Q(id__gt=last.id))
