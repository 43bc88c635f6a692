"""Sealing rows into the chain: every few seconds, by one at a time, so that writers never queue."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from core.audit import anchors, seals
from core.audit.actors import by_system
from core.audit.anchors import BadNote, Head
from core.audit.models import AuditEntry
from core.audit.recording import record
from core.health import Part
from core.keys.ring import data_keys

logger = logging.getLogger(__name__)

ACCEPTED = "audit.accept"
DAMAGED = "audit.damaged"
_HOW = "manage.py audit verify"
_LOCK = 0x617564697400  # "audit"
_LATE_SECONDS = 60
_PAGE = 500
_PAGES = 40
_UPDATE = """
UPDATE workflow_audit_log AS entry
   SET sequence = sealed.sequence, seal = sealed.seal
  FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS sealed (id, sequence, seal)
 WHERE entry.id = sealed.id AND entry.sequence IS NULL
"""


def seal() -> int:
    """Takes every row into the chain that has none yet. Returns how many.

    Rows that the platform has not written stay outside, for `verify` to tell of. Does nothing
    while another process seals.
    """
    with transaction.atomic():
        if not _locked():
            return 0
        before = _head()
        head = _seal_all(before)
    _note(head, changed=head.sequence != before.sequence)
    return head.sequence - before.sequence


def on_round(**_: Any) -> None:
    """Receiver of the reconciler's signal."""
    seal()


def health() -> Part:
    """How long the oldest row has waited for its seal; `damaged` while rows are known to be lost.

    Runs go on meanwhile, so nothing else is down with it.
    """
    waiting = AuditEntry.objects.filter(sequence__isnull=True).order_by("id").first()
    age = 0.0 if waiting is None else (datetime.now(UTC) - waiting.at).total_seconds()
    harmed = damaged()
    return Part(
        ok=age < _LATE_SECONDS and not harmed,
        age_seconds=round(age, 1),
        needed=False,
        details={"state": "damaged"} if harmed else {},
    )


def damaged() -> bool:
    """Whether a machine's note told of lost rows, and nobody has accepted that since."""
    rows = AuditEntry.objects.filter(action__in=(DAMAGED, ACCEPTED)).order_by("-id")
    return rows.values_list("action", flat=True).first() == DAMAGED


def wait_for_lock() -> None:
    """Keeps sealers, and whoever tells of damage, away until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])


def _head() -> Head:
    last = AuditEntry.objects.filter(sequence__isnull=False).order_by("-sequence").first()
    if last is None:
        return Head(sequence=0, seal=seals.FIRST)
    return Head(sequence=last.sequence or 0, seal=last.seal or "")


def _seal_all(head: Head) -> Head:
    keys = data_keys.audit_keys()
    key = next(iter(keys.values()))
    after = UUID(int=0)
    for _ in range(_PAGES):
        rows = list(
            AuditEntry.objects.filter(sequence__isnull=True, id__gt=after).order_by("id")[:_PAGE]
        )
        chained: list[tuple[UUID, int, str]] = []
        for row in rows:
            writer = keys.get(row.key_id)
            if writer is None or not seals.same(seals.mac(writer, row), row.mac):
                logger.error("The platform has not written this row of its audit log: %s", row.pk)
                continue
            sequence = head.sequence + 1
            digest = seals.seal(key, previous=head.seal, sequence=sequence, row=row.mac)
            head = Head(sequence=sequence, seal=digest)
            chained.append((row.id, sequence, digest))
        if chained:
            with connection.cursor() as cursor:
                cursor.execute(_UPDATE, [list(column) for column in zip(*chained, strict=True)])
        if len(rows) < _PAGE:
            break
        after = rows[-1].id
    return head


def _note(head: Head, *, changed: bool) -> None:
    """Notes a new head, unless that would wipe out the trace of a chain that was cut."""
    fault = _fault()
    if fault is None:
        if changed:
            _write(head)
    elif _tell(fault) or changed:
        logger.error("%s Run: %s", fault, _HOW)


def _fault() -> str | None:
    """What is wrong with the chain, or with this machine's note of it."""
    try:
        known = anchors.read()
    except BadNote as error:
        return str(error)
    except OSError as error:
        logger.warning("The audit log's head could not be read: %s", error)
        return None
    if known is None or anchors.holds(known):
        return None
    return f"The audit log has lost row {known.sequence}."


def _tell(fault: str) -> bool:
    """Writes a row that `/health` finds, on every machine. Whether there was none yet."""
    with transaction.atomic():
        wait_for_lock()
        # Looked at again: somebody may have accepted it meanwhile.
        if damaged() or _fault() is None:
            return False
        record(by_system("audit"), DAMAGED, fault=fault)
    return True


def _write(head: Head) -> None:
    try:
        anchors.write(head)
    except OSError as error:
        logger.warning("The audit log's head could not be noted: %s", error)
