"""The chain: sealed by one at a time, and whoever tampers with it is found."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from core.audit import anchors, sealing, seals
from core.audit.anchors import BadNote, Head
from core.audit.models import AuditEntry
from core.audit.sealing import seal
from core.audit.verification import Report, verify
from core.health import Part
from core.keys.ring import data_keys
from tests.core.audit.conftest import write
from tests.support.audit import as_owner

SEALED = 20


def chain() -> list[AuditEntry]:
    return list(AuditEntry.objects.order_by("sequence"))


@pytest.fixture
def log(db: None) -> list[AuditEntry]:
    """A chain of twenty rows, of which this machine has noted the head."""
    write(SEALED)
    assert seal() == SEALED
    return chain()


def edit(cursor: Any, log: list[AuditEntry]) -> int | None:
    cursor.execute(
        "UPDATE workflow_audit_log SET details = jsonb_set(details, '{number}', '99')"
        " WHERE sequence = 7"
    )
    return 7


def delete(cursor: Any, log: list[AuditEntry]) -> int | None:
    cursor.execute("DELETE FROM workflow_audit_log WHERE sequence = 7")
    return 8


def insert(cursor: Any, log: list[AuditEntry]) -> int | None:
    """A copy of a genuine row, in a place that is made for it."""
    cursor.execute(
        "UPDATE workflow_audit_log SET sequence = -sequence - 1 WHERE sequence > 7;"
        "UPDATE workflow_audit_log SET sequence = -sequence WHERE sequence < 0"
    )
    copied = log[2]
    copied.pk = log[6].pk.__class__(int=log[6].pk.int + 1)
    copied.sequence = 8
    copied.save(force_insert=True)
    return 8


def reorder(cursor: Any, log: list[AuditEntry]) -> int | None:
    cursor.execute(
        "UPDATE workflow_audit_log SET sequence = -sequence WHERE sequence = 7;"
        "UPDATE workflow_audit_log SET sequence = 7 WHERE sequence = 12;"
        "UPDATE workflow_audit_log SET sequence = 12 WHERE sequence = -7"
    )
    return 7


def truncate(cursor: Any, log: list[AuditEntry]) -> int | None:
    cursor.execute("DELETE FROM workflow_audit_log WHERE sequence > 15")
    return SEALED


def forge(cursor: Any, log: list[AuditEntry]) -> int | None:
    """An edit by somebody who knows how seals are made, with a key of their own."""
    key, row = b"guess", log[6]
    row.username = "somebody else"
    row.mac = seals.mac(key, row)
    previous = log[5].seal or ""
    row.seal = seals.seal(key, previous=previous, sequence=7, row=row.mac)
    row.save()
    return 7


def swap_seals(cursor: Any, log: list[AuditEntry]) -> int | None:
    cursor.execute("UPDATE workflow_audit_log SET seal = repeat('a', 64) WHERE sequence = 7")
    return 7


def insert_unsealed(cursor: Any, log: list[AuditEntry]) -> int | None:
    """A row that waits to be sealed as if the platform had written it."""
    row = log[2]
    row.pk = row.pk.__class__(int=log[-1].pk.int + 1)
    row.sequence = row.seal = None
    row.save(force_insert=True)
    return None


def insert_first(cursor: Any, log: list[AuditEntry]) -> int | None:
    row = log[2]
    row.pk = row.pk.__class__(int=1)
    row.sequence = 0
    row.save(force_insert=True)
    return 0


def delete_all(cursor: Any, log: list[AuditEntry]) -> int | None:
    cursor.execute("DELETE FROM workflow_audit_log")
    return SEALED


TAMPERING: list[Callable[[Any, list[AuditEntry]], int | None]] = [
    edit,
    delete,
    insert,
    reorder,
    truncate,
    forge,
    # Variations.
    swap_seals,
    insert_unsealed,
    insert_first,
    delete_all,
]


@pytest.mark.parametrize("tamper", TAMPERING)
@pytest.mark.parametrize("afterwards", ["at once", "after more was sealed"])
def test_tampering_is_found(
    log: list[AuditEntry],
    tamper: Callable[[Any, list[AuditEntry]], int | None],
    afterwards: str,
) -> None:
    with as_owner() as cursor:
        expected = tamper(cursor, log)
    if afterwards == "after more was sealed":
        write(10, start=SEALED)
        seal()
    report = verify()
    assert report.faults, tamper.__name__
    assert report.faults[0].sequence == expected


def test_an_untouched_chain_is_whole(log: list[AuditEntry]) -> None:
    report = verify()
    assert report == Report(
        rows=SEALED, head=Head(sequence=SEALED, seal=log[-1].seal or ""), anchored=SEALED
    )
    write(3)
    report = verify()
    assert (report.faults, report.unsealed) == ([], 3)
    assert seal() == 3
    assert verify().rows == SEALED + 3


def test_health_tells_how_long_rows_wait(db: None) -> None:
    assert sealing.health() == Part(ok=True, age_seconds=0.0, needed=False)
    write(1)
    assert sealing.health().ok
    assert sealing.health().age_seconds is not None
    with as_owner() as cursor:
        cursor.execute("UPDATE workflow_audit_log SET at = at - interval '2 minutes'")
    assert not sealing.health().ok


def test_an_empty_log_is_whole(db: None) -> None:
    assert seal() == 0
    assert verify() == Report()


def test_pages_join(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_PAGE", 3)
    monkeypatch.setattr("core.audit.verification._PAGE", 4)
    write(14)
    assert seal() == 14
    assert [row.sequence for row in chain()] == list(range(1, 15))
    assert verify().faults == []


def test_without_the_key_nothing_is_proved(
    log: list[AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_keys, "_audit", {"feedface": b"k" * 32})
    faults = verify().faults
    assert len(faults) == SEALED + 1  # and the note
    assert "is not here" in faults[1].message


def test_a_head_that_was_noted_elsewhere(log: list[AuditEntry], own_folder: Path) -> None:
    (own_folder / anchors.FILE).unlink()
    with as_owner() as cursor:
        cursor.execute("DELETE FROM workflow_audit_log WHERE sequence > 15")
    blind = verify()
    assert (blind.faults, blind.anchored) == ([], None)
    told = verify(Head(sequence=SEALED, seal=log[-1].seal or ""))
    assert [fault.sequence for fault in told.faults] == [SEALED]


def test_sealing_on_keeps_the_trace_of_what_was_cut(log: list[AuditEntry]) -> None:
    with as_owner() as cursor:
        cursor.execute("DELETE FROM workflow_audit_log WHERE sequence > 15")
    write(30)
    assert seal() == 30
    noted = anchors.read()
    assert noted is not None
    assert noted.sequence == SEALED
    assert [fault.sequence for fault in verify().faults] == [SEALED]


def test_health_tells_of_lost_rows_until_they_are_accepted(
    client: Client, log: list[AuditEntry]
) -> None:
    def told() -> tuple[int, str]:
        answer = client.get("/health")
        return answer.status_code, answer.json()["parts"]["audit"]["state"]

    status, state = told()
    assert state == "ok"
    with as_owner() as cursor:
        cursor.execute("DELETE FROM workflow_audit_log WHERE sequence > 15")
    for _ in range(3):  # it is told once, and seen though nothing new is sealed
        seal()
        assert told() == (status, "damaged")
    assert AuditEntry.objects.filter(action="audit.damaged").count() == 1
    call_command("audit", "accept", reason="restored")
    seal()
    assert told() == (status, "ok")
    assert verify().faults == []


def test_what_another_machine_lost_may_be_accepted_here(
    log: list[AuditEntry], own_folder: Path
) -> None:
    with as_owner() as cursor:
        cursor.execute("DELETE FROM workflow_audit_log WHERE sequence > 15")
    seal()
    # That machine is gone with its note; this one makes its own.
    (own_folder / anchors.FILE).unlink()
    seal()
    note = (own_folder / anchors.FILE).read_text()
    assert sealing.damaged()
    call_command("audit", "accept", reason="that machine is gone")
    assert not sealing.damaged()
    assert (
        json.loads((own_folder / anchors.FILE).read_text())["sequence"]
        > json.loads(note)["sequence"]
    )
    assert len(list(own_folder.glob("audit_head*.json"))) == 1


@pytest.mark.parametrize("change", [{"sequence": 15}, {"mac": "0" * 64}, {"key_id": "other"}, None])
def test_a_note_that_somebody_wrote_is_refused(
    log: list[AuditEntry], own_folder: Path, change: dict[str, Any] | None
) -> None:
    path = own_folder / anchors.FILE
    note = json.loads(path.read_text())
    path.write_text("{" if change is None else json.dumps(note | change))
    with pytest.raises(BadNote):
        anchors.read()
    assert "is not a note" in verify().faults[0].message
    write(1)
    assert seal() == 1
    with pytest.raises(BadNote):
        anchors.read()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_commits_late_is_sealed_later() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        try:
            with transaction.atomic():
                write(1, start=100)
                begun.set()
                go_on.wait(10)
        finally:
            connection.close()

    writer = threading.Thread(target=slowly)
    writer.start()
    assert begun.wait(10)
    write(2)
    assert seal() == 2
    go_on.set()
    writer.join()
    assert seal() == 1
    assert [row.details["number"] for row in chain()] == [0, 1, 100]
    assert [row.pk for row in chain()] != sorted(row.pk for row in chain())
    assert verify().faults == []


@pytest.mark.django_db(transaction=True)
def test_one_seals_at_a_time() -> None:
    write(50)
    barrier = threading.Barrier(4)
    sealed: list[int] = []

    def work() -> None:
        try:
            barrier.wait(10)
            sealed.append(seal())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sealed) == 50
    assert verify().faults == []
