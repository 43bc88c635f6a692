from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from core.audit import anchors
from core.audit.models import AuditEntry
from core.audit.sealing import seal
from tests.core.audit.conftest import write
from tests.support.audit import as_owner

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("audit", *arguments, stdout=output)
    return output.getvalue()


def test_verify_prints_the_head() -> None:
    write(3)
    assert run("seal") == "Sealed 3 rows.\n"
    head = AuditEntry.objects.get(sequence=3)
    printed = run("verify")
    assert printed.endswith(f"The audit log is whole. Head: 3:{head.seal}\n")
    write(1)
    assert "1 rows wait" in run("verify", "--head", f"3:{head.seal}")
    with pytest.raises(CommandError, match=r"row 3: the given head"):
        run("verify", "--head", f"3:{'0' * 64}")
    anchors.path().unlink()
    assert "would not be noticed" in run("verify")


def test_verify_fails_and_names_the_first_bad_row() -> None:
    rows = write(5)
    seal()
    with as_owner() as cursor:
        cursor.execute("UPDATE workflow_audit_log SET outcome = 'failed' WHERE sequence IN (2, 4)")
    with pytest.raises(CommandError, match=rf"row 2 \({rows[1].pk}\): it was edited[\s\S]*row 4"):
        run("verify")


def test_export_gives_every_row_and_is_itself_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.management.commands.audit._PAGE", 2)
    write(5)
    seal()
    lines = [json.loads(line) for line in run("export").splitlines()]
    assert [line["action"] for line in lines] == ["note.create"] * 5 + ["audit.export"]
    assert [line["sequence"] for line in lines] == [1, 2, 3, 4, 5, None]
    row = AuditEntry.objects.get(sequence=5)
    assert lines[4]["id"] == str(row.id)
    assert lines[4]["at"] == row.at.isoformat()
    assert lines[4]["seal"] == row.seal
    assert lines[4]["details"] == row.details
    assert set(lines[4]) == {field.attname for field in AuditEntry._meta.fields}


def test_export_of_a_time() -> None:
    first, second = write(2)
    lines = run("export", "--since", second.at.isoformat()).splitlines()
    assert json.loads(lines[0])["id"] == str(second.id)
    lines = run("export", "--until", second.at.isoformat()).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(first.id)]
    with pytest.raises(CommandError, match="is no time"):
        run("export", "--since", "yesterday")


def test_accept_goes_on_after_a_restore(own_folder: Path) -> None:
    write(5)
    seal()
    assert "nothing to accept" in run("accept", "--reason", "none")
    with as_owner() as cursor:
        cursor.execute("DELETE FROM workflow_audit_log WHERE sequence > 3")
    with pytest.raises(CommandError, match="row 5"):
        run("verify")
    assert "Accepted" in run("accept", "--reason", "restored the backup of Monday")
    assert "whole. Head: 4:" in run("verify")
    row = AuditEntry.objects.get(sequence=4)
    assert row.action == "audit.accept"
    assert row.details["reason"] == "restored the backup of Monday"
    assert row.details["noted"].startswith("5:")
    assert len(list(own_folder.glob("audit_head*.json"))) == 2
