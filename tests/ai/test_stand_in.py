"""The stand-in of `make model`: redaction, cost and budgets as with a model, without one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django import Settings

from ai import client
from ai.budgets.errors import AIBudgetExhausted
from ai.client import Caller
from ai.models import AIStepExecution
from core.models import User
from core.organisations import personal_organisation
from tests.ai.budgets.payers import limit
from tests.support.workers import wait_until

ROOT = Path(__file__).resolve().parents[2]
D = Decimal


@pytest.fixture
def log(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """What the stand-in prints; the settings name it."""
    path = tmp_path / "model.log"
    with path.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.ai.stand_in", "0"],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "\n" in path.read_text(), what="the stand-in")
        settings.MODEL_ENDPOINT = path.read_text().splitlines()[0].partition("=")[2]
        settings.OPENAI_API_KEY = "any-key-at-all"  # pragma: allowlist secret - made up
        settings.AI_MODEL = "trial"
        settings.AI_PRICES = {"trial": {"input": D(1), "output": D(1), "cached_input": None}}
        yield path
    finally:
        process.terminate()
        process.wait(15)


@pytest.mark.django_db
def test_the_whole_way_without_a_model(log: Path, user: User) -> None:
    organisation = personal_organisation(user)
    caller = Caller(agent_type="step", organisation_id=organisation.pk, user_id=user.pk)
    text = "Ann's address is ann@example.org. She asks for an offer."
    answer = client.ask(client.new_prompt(text, timeout=30.0, cache=False), caller=caller)
    assert "ann@example.org" in answer.text, "put back"
    seen = log.read_text()
    assert "[EMAIL_1]" in seen
    assert "ann@example.org" not in seen
    row = AIStepExecution.objects.get()
    assert row.exact_cost_usd is not None
    assert 0 < row.exact_cost_usd < D("0.01")
    schema = {"type": "object", "properties": {"a": {"enum": ["x"]}}, "required": ["a"]}
    asked = client.new_prompt(text, timeout=30.0, schema=schema, cache=False)
    assert json.loads(client.ask(asked, caller=caller).text) == {"a": "x"}
    limit("0.0001", organisation=organisation)
    with pytest.raises(AIBudgetExhausted):
        client.ask(client.new_prompt(text, timeout=30.0, cache=False), caller=caller)
