"""Seals anew, under its owner's newest key, every value that an older key has sealed.

It goes through each encrypted column by primary key, in short transactions, and notes in each how
far it has come: whoever is killed in between loses one batch of work and nothing else. A value is
replaced only where it is still the one that was read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from django.db import transaction
from django.db.models import Max, Min
from django.db.models.functions import Now

from core.audit.actors import Actor
from core.audit.recording import record
from core.encryption import INSTALLATION, Owner, Sealed
from core.errors import DecryptionFailed, KeyDestroyed, KeyUnavailable
from core.keys import providers
from core.keys.columns import Entry, SealedColumn, sealed_columns
from core.keys.ring import REFRESH_SECONDS, data_keys
from core.models import DataKey, Reencryption

logger = logging.getLogger(__name__)

ROWS = 200
# For so long after a rotation other processes may still seal under the key before.
GRACE = timedelta(seconds=3 * REFRESH_SECONDS)


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What a call has done.

    Attributes:
        moved: values that are sealed by their owner's newest key now.
        busy: old values that somebody else had locked or replaced just then: the next pass looks
            at them again.
        unreadable: old values that nobody can open: their key is unknown, or they were altered.
        finished: whether no pass is left to do, by this process or by another one.
    """

    moved: int = 0
    busy: int = 0
    unreadable: int = 0
    finished: bool = True


class _Pass(Enum):
    """What the pass through a column has come to."""

    NOT_DUE = auto()
    ELSEWHERE = auto()  # another process is at it, or has just been killed at it
    GOES_ON = auto()
    ENDED = auto()


def reencrypt(
    *,
    actor: Actor,
    columns: Sequence[SealedColumn] | None = None,
    rows: int = ROWS,
    seconds: float = float("inf"),
    told: Callable[[SealedColumn, Outcome], None] = lambda column, outcome: None,
) -> Outcome:
    """Goes on with the passes that are due.

    Args:
        actor: who the audit log says it was, for each pass that found something.
        rows: how many values a transaction looks at.
        seconds: after which it stops and leaves the rest to the next call.
        told: is called when a column's pass has ended.

    Raises:
        KeyUnavailable: the provider does not give a key; what was done is kept.
    """
    until = time.monotonic() + seconds
    data_keys.expire()
    outcome = Outcome()
    for column in _in_turn(sealed_columns() if columns is None else columns):
        done = Outcome()
        while (
            came_to := _batch(column, done, actor, rows=rows)
        ) is _Pass.GOES_ON and time.monotonic() < until:
            pass
        if came_to is _Pass.ENDED:
            told(column, done)
        outcome.moved += done.moved
        outcome.busy += done.busy
        outcome.unreadable += done.unreadable
        outcome.finished &= came_to in {_Pass.ENDED, _Pass.NOT_DUE} and not done.busy
        if time.monotonic() >= until:
            return outcome
    return outcome


def _in_turn(columns: Sequence[SealedColumn]) -> list[SealedColumn]:
    """Those first whose pass goes on or has never been; those last that have just been done, lest
    somebody who is interrupted again and again never gets behind them.
    """
    finished = {
        (note.table, note.column): note.finished_at.timestamp()
        for note in Reencryption.objects.filter(finished_at__isnull=False)
        if note.finished_at
    }
    return sorted(columns, key=lambda column: finished.get((column.table, column.name), 0.0))


def due(columns: Iterable[SealedColumn] | None = None) -> list[SealedColumn]:
    """The columns through which a pass has to go, or goes on."""
    notes = {(note.table, note.column): note for note in Reencryption.objects.all()}
    changed = _changed_at()
    return [
        column
        for column in (sealed_columns() if columns is None else columns)
        if _is_due(notes.get((column.table, column.name)), changed)
    ]


def _batch(column: SealedColumn, outcome: Outcome, actor: Actor, *, rows: int) -> _Pass:
    """One transaction's work, and what the column's pass has come to."""
    names = {"table": column.table, "column": column.name}
    Reencryption.objects.bulk_create([Reencryption(**names)], ignore_conflicts=True)
    with transaction.atomic():
        note = Reencryption.objects.select_for_update(skip_locked=True).filter(**names).first()
        changed = _changed_at()
        if note is None:
            return _Pass.ELSEWHERE
        if changed is None or not _is_due(note, changed):
            return _Pass.NOT_DUE
        if note.started_at is None or note.finished_at is not None:
            # By the database's clock, as the rotations that it is compared with.
            Reencryption.objects.filter(pk=note.pk).update(
                started_at=Now(), finished_at=None, after="", moved=0, busy=0, unreadable=0
            )
            note.refresh_from_db()
        page = column.page(note.after or None, rows=rows)
        done = _seal_anew(column, page)
        outcome.moved += done.moved
        outcome.busy += done.busy
        outcome.unreadable += done.unreadable
        note.moved += done.moved
        note.busy += done.busy
        note.unreadable += done.unreadable
        Reencryption.objects.filter(pk=note.pk).update(
            after=str(page[-1].pk) if page else note.after,
            moved=note.moved,
            busy=note.busy,
            unreadable=note.unreadable,
            finished_at=None if page else Now(),
        )
        if page:
            return _Pass.GOES_ON
        if note.moved or note.unreadable:
            record(
                actor,
                "key.reencrypt",
                ("column", str(column)),
                moved=note.moved,
                unreadable=note.unreadable,
            )
        # What it had passed before the rotation is old now, and another pass's work.
        began_before = note.started_at is not None and note.started_at < changed
        return _Pass.GOES_ON if began_before else _Pass.ENDED


def _seal_anew(column: SealedColumn, page: Sequence[Entry]) -> Outcome:
    outcome = Outcome()
    owners = _owners(entry.kid for entry in page)
    old = [entry.pk for entry in page if entry.kid not in owners or owners[entry.kid]]
    if not old:
        return outcome
    changes: list[tuple[Any, Sealed, Sealed]] = []
    for pk, kid, value in column.read(old):
        place = column.place(pk)
        try:
            owner = owners[kid] if kid in owners else _legacy_owner(kid)
            if owner is None:
                continue  # somebody has just replaced it
            plaintext = data_keys.open(value, place=place)
        except KeyDestroyed:
            continue  # gone on purpose
        except (DecryptionFailed, KeyUnavailable) as error:
            if isinstance(error, KeyUnavailable) and kid in owners:
                raise  # its provider is away; nothing is wrong with the value
            logger.warning("%s: %s", place, error.message)
            outcome.unreadable += 1
            continue
        changes.append((pk, value, data_keys.seal(plaintext, place=place, owner=owner)))
    outcome.moved = column.replace(changes) if changes else 0
    outcome.busy = len(changes) - outcome.moved
    return outcome


def _owners(kids: Iterable[str | None]) -> dict[str | None, Owner | None]:
    """Key's name -> its owner where it is not the active one any more, else None."""
    return {
        key.kid: None if key.state == DataKey.State.ACTIVE else key.owner
        for key in DataKey.objects.filter(kid__in={kid for kid in kids if kid})
    }


def _legacy_owner(kid: str | None) -> Owner:
    """Whose values a master key has sealed itself, before there were data keys."""
    if kid is None or providers.legacy_cipher(kid) is None:
        raise KeyUnavailable(f"The encryption key {(kid or '')[:16]!r} is not known here.")
    return INSTALLATION


def _changed_at() -> datetime | None:
    """When a key last became an old one. The first key made the master key one."""
    found = DataKey.objects.aggregate(rotated=Max("rotated_at"))["rotated"]
    if found is None:
        first = DataKey.objects.filter(owner_kind=INSTALLATION.kind).aggregate(at=Min("created_at"))
        found = first["at"]
    return found  # type: ignore[no-any-return]


def _is_due(note: Reencryption | None, changed: datetime | None) -> bool:
    if changed is None:
        return False
    if note is None or note.started_at is None or note.finished_at is None or note.busy:
        return True
    return note.started_at < changed + GRACE
