"""Old values come under the newest key, whoever writes, locks, kills or takes keys meanwhile."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from core.audit.actors import by_system
from core.audit.models import AuditEntry
from core.encryption import INSTALLATION, Cipher, Owner, key_id
from core.fields import seal
from core.keys import columns as columns_module
from core.keys import reencryption, rotation
from core.keys.columns import SealedColumn, sealed_columns
from core.keys.inspection import inspect
from core.keys.reencryption import Outcome, due
from core.keys.ring import data_keys
from core.models import Reencryption
from tests.core.notes import Note
from tests.support.keys import LockKeys, active_key

ACTOR = by_system("tests")
ORGANISATION = Owner("organisation", UUID(int=1))
KILLS = int(os.environ.get("KILLS", "12"))

Columns = list[SealedColumn]


def write(number: int) -> list[Note]:
    return [
        Note.objects.create(content={"n": n, "text": "é" * n}, remark=f"remark {n}\n")
        for n in range(number)
    ]


def reencrypt(columns: Sequence[SealedColumn], **options: Any) -> Outcome:
    return reencryption.reencrypt(actor=ACTOR, columns=columns, **options)


def under_newest_key(columns: Columns) -> None:
    """Every value opens, and is under its owner's active key."""
    newest = {active_key().kid}
    for finding in inspect(columns=columns):
        assert (finding.unreadable, set(finding.values) - newest) == (0, set()), finding


def old_values(columns: Columns) -> int:
    newest = active_key().kid
    findings = inspect(columns=columns)
    return sum(finding.values.total() - finding.values[newest] for finding in findings)


def as_written(notes: list[Note]) -> None:
    stored = {note.pk: (note.content, note.remark) for note in Note.objects.all()}
    assert stored == {note.pk: (note.content, note.remark) for note in notes}


def test_every_value_comes_under_the_newest_key(stored_notes: Columns) -> None:
    notes = [*write(7), Note.objects.create(content=None, remark="")]
    assert reencrypt(stored_notes, rows=3).moved == 0, "nothing is old yet"
    rotation.rotate(actor=ACTOR)
    assert [str(column) for column in due(stored_notes)] == [str(c) for c in stored_notes]
    outcome = reencrypt(stored_notes, rows=3)
    assert outcome == Outcome(moved=7 + 8)
    under_newest_key(stored_notes)
    as_written(notes)
    entries = AuditEntry.objects.filter(action="key.reencrypt").order_by("id")
    assert [entry.details for entry in entries] == [
        {"moved": 7, "unreadable": 0},
        {"moved": 8, "unreadable": 0},
    ]


def test_a_pass_is_due_until_one_began_well_after_the_rotation(
    stored_notes: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(1)
    rotation.rotate(actor=ACTOR)
    reencrypt(stored_notes)
    assert due(stored_notes), "another process may still seal under the old key"
    monkeypatch.setattr(reencryption, "GRACE", -reencryption.GRACE)
    assert not due(stored_notes)
    assert reencrypt(stored_notes) == Outcome()
    rotation.rotate(actor=ACTOR)
    Reencryption.objects.update(started_at="2026-01-01T00:00Z")
    assert due(stored_notes)


def test_values_that_the_master_key_sealed_itself(own_keys: bytes, stored_notes: Columns) -> None:
    """The way of an installation that is older than data keys."""
    notes = write(2)
    legacy = Cipher(key_id(own_keys), own_keys)
    content, _ = stored_notes
    for note in notes:
        place = content.place(note.pk)
        old = legacy.seal(b'{"old":true}', place=place)
        Note.objects.filter(pk=note.pk).update(content=old)
        note.content = {"old": True}
    assert reencrypt(stored_notes).moved == 2
    under_newest_key(stored_notes)
    as_written(notes)


def test_owners_keep_their_keys(stored_notes: Columns) -> None:
    [note] = write(1)
    mine = seal(Note, note.pk, "content", {"mine": 1}, owner=ORGANISATION)
    Note.objects.filter(pk=note.pk).update(content=mine)
    for owner in (INSTALLATION, ORGANISATION):
        rotation.rotate(actor=ACTOR, owner=owner)
    assert reencrypt(stored_notes).moved == 2
    kids = [set(finding.values) for finding in inspect(columns=stored_notes)]
    assert kids == [{active_key(ORGANISATION).kid}, {active_key().kid}]


def apart(act: Callable[[], object]) -> threading.Thread:
    """Acts in a thread with a database connection of its own."""

    def work() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Acts after the first values have been read and before they are replaced."""
    read = SealedColumn.read

    def reading(self: SealedColumn, pks: Sequence[Any]) -> Any:
        monkeypatch.setattr(SealedColumn, "read", read)
        values = read(self, pks)
        apart(act).join()
        return values

    monkeypatch.setattr(SealedColumn, "read", reading)


def test_a_newer_value_is_never_overwritten(
    stored_notes: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = write(3)
    rotation.rotate(actor=ACTOR)
    notes[1].content = "newer"
    meanwhile(monkeypatch, notes[1].save)
    outcome = reencrypt(stored_notes[:1])
    assert (outcome.moved, outcome.busy, outcome.finished) == (2, 1, False)
    as_written(notes)
    assert reencrypt(stored_notes) == Outcome(moved=2)
    under_newest_key(stored_notes)
    as_written(notes)


def test_a_locked_row_is_left_to_the_next_pass(stored_notes: Columns) -> None:
    write(3)
    [held] = Note.objects.all()[:1]
    rotation.rotate(actor=ACTOR)
    outcomes: list[Outcome] = []
    with transaction.atomic():
        Note.objects.select_for_update().get(pk=held.pk)
        thread = apart(lambda: outcomes.append(reencrypt(stored_notes[:1])))
        thread.join(timeout=10)
        assert not thread.is_alive(), "it waits for nobody"
    assert [(o.moved, o.busy, o.finished) for o in outcomes] == [(2, 1, False)]
    assert reencrypt(stored_notes[:1]).moved == 1


def test_a_pass_that_another_process_has_in_hand_is_not_finished(stored_notes: Columns) -> None:
    write(3)
    rotation.rotate(actor=ACTOR)
    reencrypt(stored_notes[:1], rows=1, seconds=0)
    outcomes: list[Outcome] = []
    with transaction.atomic():
        Reencryption.objects.select_for_update().get()
        apart(lambda: outcomes.append(reencrypt(stored_notes[:1]))).join(timeout=10)
    assert outcomes == [Outcome(finished=False)]
    assert reencrypt(stored_notes[:1]) == Outcome(moved=2)


def test_a_rotation_amid_a_pass_takes_another_pass(stored_notes: Columns) -> None:
    notes = write(4)
    rotation.rotate(actor=ACTOR)
    reencrypt(stored_notes)
    reencrypt(stored_notes, rows=2, seconds=0)  # another pass begins: others may have written
    rotation.rotate(actor=ACTOR)
    assert reencrypt(stored_notes) == Outcome(moved=8)
    under_newest_key(stored_notes)
    as_written(notes)


def test_whoever_only_shares_a_row_does_not_notice(stored_notes: Columns) -> None:
    """The engine's statements hold runs FOR KEY SHARE."""
    [note] = write(1)
    rotation.rotate(actor=ACTOR)
    moved: list[int] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM core_tests_notes WHERE id = %s FOR KEY SHARE", [note.pk])
        apart(lambda: moved.append(reencrypt(stored_notes).moved)).join(timeout=10)
        assert moved == [2]


def test_a_little_at_a_time_gets_there_too(stored_notes: Columns) -> None:
    notes = write(5)
    rotation.rotate(actor=ACTOR)
    # One batch a call; the first column is not begun anew before the second has had its turn.
    moved = [reencrypt(stored_notes, rows=2, seconds=0).moved for _ in range(8)]
    assert moved == [2, 2, 1, 0, 2, 2, 1, 0]
    under_newest_key(stored_notes)
    as_written(notes)


def test_large_values_come_one_by_one(
    stored_notes: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns_module, "PAGE_BYTES", 10_000)
    for size in (20_000, 100, 100, 20_000):
        Note.objects.create(content="x" * size)
    pages: list[int] = []
    after: str | None = None
    while page := stored_notes[0].page(after, rows=100):
        pages.append(len(page))
        after = str(page[-1].pk)
    assert pages == [1, 2, 1]


def test_what_nobody_can_open_is_left_and_told_of(stored_notes: Columns) -> None:
    notes = write(4)
    rotation.rotate(actor=ACTOR)
    place = stored_notes[0].place(notes[0].pk)
    unknown = Cipher("feedfacefeedface", b"u" * 32).seal(b"1", place=place)
    Note.objects.filter(pk=notes[0].pk).update(content=unknown)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_tests_notes SET content = (SELECT content FROM core_tests_notes WHERE "
            "id = %s) WHERE id = %s",
            [notes[3].pk, notes[1].pk],
        )
    outcome = reencrypt(stored_notes)
    assert (outcome.moved, outcome.unreadable, outcome.finished) == (2 + 4, 2, True)
    left = Note.objects.values_list("content", flat=True).get(pk=notes[0].pk)
    assert left.envelope() == unknown.envelope()
    [finding, _] = inspect(columns=stored_notes)
    assert finding.unreadable == 2
    assert any("'feedfacefeedface' is not known" in text for text in finding.examples)
    assert any("altered or moved" in text for text in finding.examples)


def test_without_the_provider_nothing_is_touched(
    stored_notes: Columns, lock_keys: LockKeys
) -> None:
    notes = write(3)
    rotation.rotate(actor=ACTOR)
    unlock = lock_keys()
    with pytest.raises(Exception, match="not configured"):
        reencrypt(stored_notes)
    unlock()
    as_written(notes)
    assert reencrypt(stored_notes).moved == 6


def test_destroyed_values_are_passed_over(stored_notes: Columns) -> None:
    notes = write(2)
    mine = seal(Note, notes[0].pk, "content", 1, owner=ORGANISATION)
    Note.objects.filter(pk=notes[0].pk).update(content=mine)
    rotation.destroy(actor=ACTOR, owner=ORGANISATION)
    rotation.rotate(actor=ACTOR)
    assert reencrypt(stored_notes) == Outcome(moved=3)
    [finding, _] = inspect(columns=stored_notes)
    assert (finding.destroyed, finding.unreadable) == (1, 0)


def test_every_encrypted_column_of_the_platform_is_seen(db: None) -> None:
    found = [str(column) for column in sealed_columns()]
    assert len(found) >= 16
    assert {"workflow_executions.context", "ai_step_executions.prompt"} <= set(found)
    for column in sealed_columns():
        assert column.page(None, rows=1) == []
        assert column.edges(1) == []


def killed_while_working(columns: Columns, seconds: float) -> bool:
    """A process seals anew and gets SIGKILL after so long; whether it was still at it."""
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        try:
            # The parent's connection is not this process's to use, or to close.
            connection.connection = None
            connection.ensure_connection()
            data_keys.active_kid()
            os.write(begun, b"x")
            reencrypt(columns, rows=3)
        finally:
            os._exit(0)
    os.close(begun)
    os.read(ready, 1)
    os.close(ready)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.timeout(600)
def test_killed_again_and_again_it_gets_there(stored_notes: Columns) -> None:
    """`make test T=tests/core/test_reencryption.py KILLS=100` kills more often."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    dice = random.Random(seed)
    notes = write(150)
    killed = rotated = 0
    progress = [0]  # values sealed anew, as each of the killed has left it
    while killed < KILLS:
        if not old_values(stored_notes):
            rotation.rotate(actor=ACTOR)
            rotated += 1
        if killed_while_working(stored_notes, dice.uniform(0, 0.25)):
            killed += 1
            progress.append(sum(Reencryption.objects.values_list("moved", flat=True)))
    worked = sum(before != after for before, after in pairwise(progress))
    assert worked > KILLS // 3, "many were killed in the midst of it"
    while not reencrypt(stored_notes).finished:
        time.sleep(0.05)
    under_newest_key(stored_notes)
    as_written(notes)
    print(  # noqa: T201
        f"{killed} of {KILLS} killed, {worked} of them amid their work, {rotated} rotations, "
        f"seed {seed}"
    )
