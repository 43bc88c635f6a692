"""What the admin shows of records: read-only, and words only to those who may read them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from ai.models import AIStepExecution, AIWorkflowGeneration
from analytics import recording, services
from analytics.models import WorkflowExecutionMetric, WorkflowLearningData
from core.models import User
from tests.analytics.runs import ended
from tests.support.cast import Cast

SECRET = "what somebody wrote"  # pragma: allowlist secret - made up
MODELS = (WorkflowExecutionMetric, WorkflowLearningData, AIStepExecution, AIWorkflowGeneration)
READERS = ("read_feedback", "read_ai_text", "read_ai_requirements")


@pytest.fixture
def records(cast: Cast) -> None:
    user = cast.owner.user
    run = ended(cast.shared, user, steps=[{}])
    recording.record(run.id)
    services.submit_feedback(
        user=user, workflow_id=cast.shared.id, execution_id=run.id, rating=3, comment=SECRET
    )
    AIStepExecution.objects.create(
        step_execution=run.steps.get(), ai_model="m", prompt=SECRET, response=SECRET, provider="p"
    )
    AIWorkflowGeneration.objects.create(
        user=user, requirements={"text": SECRET}, ai_model="m", success=True
    )


def viewer(*names: str) -> Client:
    user = User.objects.create_user("viewer", is_staff=True)
    views = [f"view_{model._meta.model_name}" for model in MODELS]
    user.user_permissions.set(Permission.objects.filter(codename__in=[*views, *names]))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("readers", [(), READERS])
@pytest.mark.parametrize("model", MODELS)
def test_lists_and_details(model: type, readers: tuple[str, ...]) -> None:
    client = viewer(*readers)
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"  # type: ignore[attr-defined]
    listed = client.get(reverse(f"{name}_changelist"))
    row = model.objects.first()  # type: ignore[attr-defined]
    shown = client.get(reverse(f"{name}_change", args=[row.pk]))
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert SECRET not in listed.content.decode()
    may_read = bool(readers) and model is not WorkflowExecutionMetric
    assert (SECRET in shown.content.decode()) is may_read
    assert client.get(reverse(f"{name}_add")).status_code == 403
    assert client.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
    assert client.post(reverse(f"{name}_delete", args=[row.pk]), {}).status_code == 403


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(("outcome", "count"), [("answered", 1), ("failed", 0)])
def test_calls_are_filtered_by_outcome(outcome: str, count: int) -> None:
    url = reverse("admin:workflow_ai_aistepexecution_changelist")
    response = viewer().get(url, {"outcome": outcome})
    assert response.context["cl"].result_count == count
