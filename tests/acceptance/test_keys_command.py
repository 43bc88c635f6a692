"""`manage.py keys` on a platform whose runs have written, in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from core.audit.models import AuditEntry
from core.keys import reencryption
from core.keys.columns import sealed_columns
from core.models import DataKey
from core.tasks import reencrypt
from engine.models import WorkflowExecution
from tests.support.cast import SAMPLE, member, work
from tests.support.keys import active_key
from tests.support.workflows import start

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(own_keys: bytes) -> WorkflowExecution:
    return work(start(SAMPLE, user=member("owner").user, data={"amount": 5}))


def keys(*words: str) -> str:
    return str(call_command("keys", *words) or "")


def process(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process, with the test's database and keys."""
    return subprocess.run(
        [sys.executable, "manage.py", "keys", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "DB_NAME": str(connection.settings_dict["NAME"]),
            "DB_ENCRYPTION_KEY": settings.DB_ENCRYPTION_KEY,
            **variables,
        },
    )


def payloads(run: WorkflowExecution) -> list[Any]:
    run.refresh_from_db()
    steps = run.steps.order_by("position")
    return [run.context, *((step.input_data, step.output_data) for step in steps)]


def test_rotate_reencrypt_and_check(run: WorkflowExecution, capsys: Any) -> None:
    before, old = payloads(run), active_key().kid
    assert "values opened" in keys("check")
    assert f"under {old} (Active)" in capsys.readouterr().out
    assert active_key().kid not in keys("rotate")
    new = active_key().kid
    assert new != old
    keys("check")
    assert f"under {old} (decrypt only)" in capsys.readouterr().out
    assert "sealed anew" in keys("reencrypt", "--rows", "2")
    keys("check")
    shown = capsys.readouterr().out
    assert (old in shown, f"under {new} (Active)" in shown) == (False, True)
    assert payloads(run) == before
    assert keys("check", "--sample", "1")
    keys("status")
    status = capsys.readouterr().out
    assert f"{new}  installation  active        env" in status
    done = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"key.rotate", "key.reencrypt"} <= done
    assert set(
        AuditEntry.objects.filter(action="key.rotate").values_list("credential", flat=True)
    ) == {"keys rotate"}


def test_workers_seal_anew_bit_by_bit(
    run: WorkflowExecution, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = payloads(run)
    keys("rotate")
    monkeypatch.setattr("core.tasks._SECONDS", 0)
    for _ in range(3 * len(sealed_columns())):
        reencrypt()
    assert f"under {active_key().kid}" in process("check").stdout
    assert "decrypt only" not in process("check").stdout
    assert payloads(run) == before
    monkeypatch.setattr(reencryption, "GRACE", -reencryption.GRACE)
    assert not reencryption.due()
    assert keys("status").startswith("Every value")


def test_check_fails_without_the_key(run: WorkflowExecution) -> None:
    found = process("check")
    assert (found.returncode, found.stderr) == (0, "")
    other = b64encode(b"x" * 32).decode()
    lost = process("check", DB_ENCRYPTION_KEY=other)
    assert lost.returncode == 1
    assert "values cannot be opened" in lost.stderr
    assert "workflow_executions.context, row" in lost.stderr
    assert "does not hold the master key" in lost.stderr
    assert "Traceback" not in lost.stderr
    assert process("check").returncode == 0, "nothing was changed"


def test_check_fails_where_a_key_is_unknown_or_a_value_was_moved(run: WorkflowExecution) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflow_step_executions SET output_data = input_data "
            "WHERE execution_id = %s AND output_data IS NOT NULL",
            [run.id],
        )
    with pytest.raises(CommandError, match=r"1 values cannot be opened.\n.*altered or moved"):
        keys("check")
    DataKey.objects.filter(owner_kind="installation").delete()
    lost = process("check", "--sample", "3")
    assert (lost.returncode, "is not known here" in lost.stderr) == (1, True)


def test_destroy_asks_first(
    run: WorkflowExecution, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    organisation = f"organisation:{run.user.personal_organisation.pk}"
    with pytest.raises(CommandError, match="There are no keys"):
        keys("destroy", "--owner", organisation, "--yes")
    keys("rotate", "--owner", organisation)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    with pytest.raises(CommandError, match="Nothing was destroyed"):
        keys("destroy", "--owner", organisation)
    monkeypatch.setattr("builtins.input", lambda _: organisation)
    assert "Destroyed 2 keys" in keys("destroy", "--owner", organisation)
    with pytest.raises(CommandError, match="were destroyed"):
        keys("rotate", "--owner", organisation)
    assert "values opened" in keys("check"), "nobody else's were"


@pytest.mark.parametrize("owner", ["", "somebody", "organisation", "organisation:1", "person:x"])
def test_what_is_no_owner(db: None, owner: str) -> None:
    with pytest.raises(CommandError, match="no owner"):
        keys("destroy", "--owner", owner, "--yes")


def test_the_installations_keys_cannot_be_destroyed(own_keys: bytes) -> None:
    with pytest.raises(CommandError, match="cannot be destroyed"):
        keys("destroy", "--owner", "installation", "--yes")
