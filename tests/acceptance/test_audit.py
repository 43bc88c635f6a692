"""Workers seal the audit log while they work."""

from __future__ import annotations

from core.audit.actors import by_system
from core.audit.models import AuditEntry
from core.audit.recording import record
from core.audit.verification import verify
from tests.support.workers import Worker, wait_until


def test_a_worker_seals_what_others_write(worker: Worker) -> None:
    for n in range(3):
        record(by_system("tests"), "note.create", ("note", n))
    sealed = AuditEntry.objects.filter(sequence__isnull=False)
    wait_until(lambda: sealed.count() == 3, what="three rows to be sealed")
    faults = [str(fault) for fault in verify().faults]
    # The tests empty the table, which the machine's note of its head tells rightly.
    assert [fault for fault in faults if "audit_head.json" not in fault] == []
