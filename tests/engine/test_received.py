"""What a step received is told, whether its row stores it or not."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from core.models import User
from engine import definitions, received, runner
from engine.api.payloads import LISTED_BYTES
from engine.errors import StepFailed
from engine.models import StepExecution, WorkflowExecution, WorkflowVersion
from engine.workflows import create_workflow
from tests.support.cast import Cast, work
from tests.support.workflows import calls, definition, run_inline, start, step

INPUTS = {"customer": {"name": "Zoë", "limits": [1, 2.5, None]}, "amount": 7}
FIRST = step("first", **calls("tests.slow", value={"total": 3, "texts": ["ä", "\u2028"]}))


def row_of(run: WorkflowExecution, step_id: str = "last") -> StepExecution:
    return StepExecution.objects.select_related("execution").get(execution=run, step_id=step_id)


def received_by(run: WorkflowExecution, step_id: str = "last") -> Any:
    row = row_of(run, step_id)
    received.fill_in(run, [row])
    return row.input_data


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    "value",
    [
        "a constant",
        "${inputs.customer}",
        "${inputs}",
        "${steps.first.output}",
        {"a": ["${inputs.customer.limits}", "${steps.first.output.value.total}"], "b": {}},
        "For ${inputs.customer.name}: ${steps.first.output.value.texts}, $${inputs.amount}",
        '${steps["first"].output.value["total"]}',
        "${steps.first.status}",
    ],
)
def test_what_is_derived_is_what_would_be_stored(
    user: User, settings: Any, value: Any, fast: bool
) -> None:
    settings.ENGINE_FAST_PATH = fast
    found = []
    for function, is_stored in (("tests.compute", False), ("tests.slow", True)):
        last = step("last", "first", **calls(function, value=value))
        run = run_inline(definition(FIRST, last), user=user, data=INPUTS)
        assert (row_of(run).input_data is not None) == is_stored
        found.append(received_by(run)["config"]["arguments"])
    assert found[0] == found[1] != {}


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "fields",
    [
        calls("tests.compute", value="${inputs.amount + 1}"),
        calls("tests.compute", value="${run.id == 'x' ? 1 : 2}"),
        calls("tests.slow", value="${inputs.amount}"),
    ],
    ids=["computed", "decided", "effect"],
)
def test_what_costs_or_had_an_effect_is_stored(user: User, fields: dict[str, Any]) -> None:
    run = run_inline(definition(step("last", **fields)), user=user, data=INPUTS)
    assert row_of(run).input_data["config"]["function"] == fields["config"]["function"]


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
def test_the_input_of_a_failure_is_stored(user: User) -> None:
    checks = {"value": "${inputs.amount}", "rules": [{"expr": "value > 9", "message": "small"}]}
    check = step("last", step_type="VALIDATION", config=checks)
    run = run_inline(definition(check), user=user, data=INPUTS)
    row = row_of(run)
    assert (row.status, row.input_data["config"]["value"]) == ("failed", 7)


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fast", [True, False])
def test_a_success_stores_none_after_a_failure(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    def fail(*args: Any) -> None:
        monkeypatch.undo()
        raise StepFailed("not yet")

    settings.ENGINE_FAST_PATH = fast
    monkeypatch.setattr(runner, "check_rules", fail)
    checked = {"retry": {"max_attempts": 2, "delay": 0}, "validation_rules": {"rules": []}}
    run = run_inline(definition(step("last", **calls("tests.compute"), **checked)), user=user)
    row = row_of(run)
    assert (row.status, row.input_data is None) == ("ready", False)
    work(run)
    row = row_of(run)
    assert (row.status, row.attempt, row.input_data) == ("completed", 2, None)


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
def test_steps_that_have_not_run_received_nothing(user: User) -> None:
    skipped = step("last", "first", **calls("tests.compute"), when="inputs.amount > 9")
    run = run_inline(definition(FIRST, skipped), user=user, data=INPUTS)
    assert (row_of(run).status, received_by(run)) == ("skipped", None)


@pytest.mark.usefixtures("no_workers")
@pytest.mark.django_db(transaction=True)
def test_a_definition_that_is_not_read_any_more_leaves_it_open(user: User) -> None:
    run = run_inline(definition(step("last", **calls("tests.compute"))), user=user)
    assert received_by(run) is not None
    WorkflowVersion.objects.filter(id=run.definition_version_id).update(definition={"steps": []})
    definitions.load.cache_clear()
    assert received_by(run) is None


def test_api_shows_it(cast: Cast, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    echoed = calls("tests.compute", value="${steps.first.output.value.total}")
    tripled = calls("tests.compute", value=["${steps.big.output}"] * 3)
    document = definition(
        FIRST,
        step("small", "first", **echoed),
        step("big", **calls("tests.slow", value="x" * (LISTED_BYTES // 2))),
        step("tripled", "big", **tripled),
        step("huge", **calls("tests.slow", value="x" * LISTED_BYTES)),
        step("passed", "huge", **calls("tests.compute", value="${steps.huge.output}")),
    )
    workflow = create_workflow(document=document, owner=cast.owner.user)
    run = work(start(workflow, user=cast.owner.user))
    address = f"/api/v1/executions/{run.id}/steps"
    cast.owner.api.get(address)  # notes that the token was used, reads the definition
    with django_assert_num_queries(4):
        rows = {row["step_id"]: row for row in cast.owner.api.get(address).json()["results"]}
    shown = rows["small"]
    assert (shown["input_data"]["config"]["arguments"], shown["omitted"]) == ({"value": 3}, [])
    for name in ("tripled", "passed"):
        assert rows[name]["input_data"] is None
        assert rows[name]["omitted"] == ["input_data", "output_data"]
        whole = cast.owner.api.get(f"{address}/{name}").json()["input_data"]["config"]
        assert len(str(whole["arguments"])) > LISTED_BYTES
