"""A language model that cannot be reached holds no starter template up."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from core.models import User
from engine.models import StepExecution
from templates import starters
from tests.support.workflows import run_inline

STARTERS = {starter.key: starter for starter in starters.read_templates()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("key", "step_id", "follows"), [("portfolio-risk-review", "commentary", "approval")]
)
def test_the_run_goes_on(
    key: str, step_id: str, follows: str, user: User, settings: Settings
) -> None:
    settings.OPENAI_API_KEY = "sk-nobody"  # pragma: allowlist secret - made up
    settings.MODEL_ENDPOINT = "http://127.0.0.1:9/v1"
    document: dict[str, Any] = STARTERS[key].template
    for step in document["steps"]:
        step.pop("retry", None)
    run = run_inline(document, user=user, data=STARTERS[key].sample_input)
    steps = {row.step_id: row for row in StepExecution.objects.filter(execution=run)}
    assert steps[step_id].status == "failed"
    assert steps[step_id].output_data["error"]["code"]
    assert steps[follows].status == "waiting"
