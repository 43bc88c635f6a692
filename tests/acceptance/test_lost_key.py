"""The key provider goes away under real workers, and pages and commands say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from ai.models import AIStepExecution, AIWorkflowGeneration
from analytics.models import WorkflowLearningData
from core.keys.ring import data_keys
from core.models import User
from engine.models import WorkflowExecution, WorkflowSchedule
from tests.support.cast import Cast, work
from tests.support.keys import LockKeys
from tests.support.vault import VaultServer
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import calls, definition, start, step


def test_pages_of_the_admin_say_that_the_key_is_away(
    own_keys: bytes, cast: Cast, lock_keys: LockKeys
) -> None:
    user = cast.owner.user
    run = work(start(cast.shared, user=user, data={"amount": 5}))
    call = AIStepExecution.objects.create(
        step_execution=run.steps.get(step_id="first"),
        ai_model="m",
        prompt="p",
        response="r",
        provider="p",
    )
    asked = AIWorkflowGeneration.objects.create(
        user=user, requirements={"a": 1}, ai_model="m", success=True
    )
    taught = WorkflowLearningData.objects.create(execution=run, user=user, user_feedback={"a": 1})
    schedule = WorkflowSchedule.objects.create(
        name="s", workflow=cast.shared, user=user, interval_seconds=60, context={"amount": 1}
    )
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    pages = [
        f"/admin/workflow_engine/workflowexecution/{run.id}/change/",
        f"/admin/workflow_engine/stepexecution/{run.steps.get(step_id='first').id}/change/",
        f"/admin/workflow_engine/stepexecution/{run.steps.get(step_id='ask').id}/answer/",
        f"/admin/workflow_engine/workflowschedule/{schedule.id}/change/",
        f"/admin/workflow_ai/aistepexecution/{call.id}/change/",
        f"/admin/workflow_ai/aiworkflowgeneration/{asked.id}/change/",
        f"/admin/workflow_analytics/workflowlearningdata/{taught.id}/change/",
    ]
    assert [client.get(page).status_code for page in pages] == [200] * len(pages)
    lock_keys()
    for page in pages:
        response = client.get(page, follow=True)
        assert response.status_code in (200, 503), page
        assert "not configured" in response.content.decode(), page
    for name in ("workflowexecution", "stepexecution", "workflowschedule"):
        assert client.get(f"/admin/workflow_engine/{name}/").status_code == 200, name


@pytest.mark.timeout(180)
def test_workers_wait_for_vault(
    own_keys: bytes,
    cast: Cast,
    settings: Settings,
    vault: VaultServer,
    worker_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings.KEY_PROVIDER, settings.VAULT = "vault", vault.options()
    for name, value in {
        "KEY_PROVIDER": "vault",
        "VAULT_ADDR": vault.address,
        "VAULT_TOKEN": "first-token",
        "VAULT_TRANSIT_KEY": "platform",
        "KEY_RETRY_SECONDS": "1",
        "DB_ENCRYPTION_KEY": settings.DB_ENCRYPTION_KEY,
    }.items():
        monkeypatch.setenv(name, value)
    written = [tmp_path / str(n) for n in range(6)]
    runs = [
        start(
            definition(
                step("a"),
                step("b", "a", **calls("tests.write", path=str(path), text="${inputs.x}")),
            ),
            user=cast.owner.user,
            data={"x": f"run {n}"},
        )
        for n, path in enumerate(written)
    ]
    vault.sealed = True
    worker = Worker("default", pool="prefork", concurrency=2, folder=worker_folder, name="vault")
    worker.start()  # without a key in its memory
    try:
        waiting = WorkflowExecution.objects.filter(steps__error_code="key_unavailable").distinct()
        wait_until(lambda: waiting.count() == len(runs), what="every run to wait for its key")
        reasons = cast.owner.api.get(f"/api/v1/executions/{runs[0].id}/waiting").json()["reasons"]
        assert {reason["cause"] for reason in reasons} <= {"key_unavailable", "moving"}
        assert not any(path.exists() for path in written)
        data_keys.forget()
        assert cast.owner.api.get(f"/api/v1/executions/{runs[0].id}").status_code == 503
        vault.sealed = False
        for run in runs:
            assert finish(run.id).status == "completed"
    finally:
        worker.stop()
    assert [path.read_text() for path in written] == [f"run {n}\n" for n in range(6)]
