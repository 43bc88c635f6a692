from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.errors import PlatformError
from core.models import User
from engine.models import Workflow
from templates import services
from templates.models import WorkflowCategory, WorkflowTemplate


def problems(error: PlatformError) -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in error.problems]


def test_instantiating_makes_a_private_workflow(invoice: WorkflowTemplate, user: User) -> None:
    workflow = services.instantiate_template(template=invoice, user=user)
    assert (workflow.owner, workflow.is_shared, workflow.latest) == (user, False, 1)
    assert workflow.name == "Invoice approval"
    assert workflow.category == "Accounts payable"
    assert workflow.definition == invoice.template
    invoice.refresh_from_db()
    assert invoice.usage_count == 1


def test_the_rows_name_and_category_count(invoice: WorkflowTemplate, user: User) -> None:
    invoice.name, invoice.category, invoice.description = "Bills", "Finance", "Ours"
    services.save_template(template=invoice)
    workflow = services.instantiate_template(template=invoice, user=user)
    assert (workflow.name, workflow.category, workflow.description) == ("Bills", "Finance", "Ours")


def test_overrides_change_steps_by_id(invoice: WorkflowTemplate, user: User) -> None:
    workflow = services.instantiate_template(
        template=invoice,
        user=user,
        name="Branch office",
        overrides={
            "description": "For the branch office.",
            "version": "2.1",
            "name": "not this",
            "steps": {
                "manager": {"name": "The branch manager approves", "config": {"title": "Pay?"}},
                "totals": {"retry": {"max_attempts": 2}},
                "invoice": {"config": {"fields": {"required": None}}},
            },
        },
    )
    assert (workflow.name, workflow.version) == ("Branch office", "2.1")
    steps = {step["id"]: step for step in workflow.definition["steps"]}
    assert steps["manager"]["name"] == "The branch manager approves"
    assert steps["manager"]["config"]["title"] == "Pay?"
    assert len(steps["manager"]["config"]["choices"]) == 2
    assert steps["totals"]["retry"] == {"max_attempts": 2}
    assert "required" not in steps["invoice"]["config"]["fields"]
    invoice.refresh_from_db()
    before = {step["id"]: step for step in invoice.template["steps"]}
    assert "required" in before["invoice"]["config"]["fields"]


@pytest.mark.parametrize(
    ("overrides", "code", "found"),
    [
        (
            {"steps": {"boss": {}}},
            "invalid_input",
            [("overrides.steps.boss", "the template has no such step")],
        ),
        (
            {"steps": []},
            "invalid_input",
            [("overrides.steps", "an object is expected: step id -> changes")],
        ),
        ({"colour": "red"}, "invalid_definition", [("colour", "unknown key 'colour'")]),
        (
            {"steps": {"totals": {"config": {"function": "none"}}}},
            "invalid_definition",
            None,
        ),
    ],
)
def test_overrides_that_do_not_fit(
    invoice: WorkflowTemplate,
    user: User,
    overrides: dict[str, Any],
    code: str,
    found: list[tuple[str, str]] | None,
) -> None:
    with pytest.raises(PlatformError) as caught:
        services.instantiate_template(template=invoice, user=user, overrides=overrides)
    assert caught.value.code == code
    assert found is None or problems(caught.value) == found
    invoice.refresh_from_db()
    assert (invoice.usage_count, Workflow.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        (
            lambda t: t.template["steps"][3].update(step_type="MAGIC"),
            "template.steps[3].step_type",
            "step 'route': unknown step type 'MAGIC'",
        ),
        (
            lambda t: t.template["steps"][1]["config"].update(function="none"),
            "template.steps[1].config.function",
            "step 'totals': unknown function 'none'",
        ),
        (lambda t: setattr(t, "template", []), "template", "a definition is an object"),
        (
            lambda t: setattr(t, "category", "None"),
            "category",
            "there is no category 'None'",
        ),
        (
            lambda t: t.sample_input.update(approval_limit=-1),
            "sample_input.approval_limit",
            "",
        ),
        (lambda t: setattr(t, "sample_input", []), "sample_input", "a sample is an object"),
        (lambda t: setattr(t, "expected", []), "expected", "what is expected is an object"),
        (lambda t: t.expected.update(status="done"), "expected.status", "one of cancelled"),
        (lambda t: t.expected.update(result={}), "expected.result", "unknown key"),
        (
            lambda t: t.expected["answers"].update(boss={}),
            "expected.answers.boss",
            "the definition has no such step",
        ),
        (lambda t: t.expected.update(steps=[]), "expected.steps", "an object by step id"),
    ],
)
def test_templates_are_checked_when_saved(
    invoice: WorkflowTemplate,
    change: Callable[[WorkflowTemplate], None],
    path: str,
    message: str,
) -> None:
    change(invoice)
    with pytest.raises(PlatformError) as caught:
        services.save_template(template=invoice)
    assert caught.value.code == "invalid_template"
    found = problems(caught.value)
    assert [p for p, _ in found] == [path]
    assert found[0][1].startswith(message)


def test_renaming_a_category_takes_its_templates_along(invoice: WorkflowTemplate) -> None:
    category = WorkflowCategory.objects.get(name="Accounts payable")
    category.name = "Suppliers"
    services.save_category(category=category)
    invoice.refresh_from_db()
    assert invoice.category == "Suppliers"
    assert services.load_catalogue().kept == 1


@pytest.mark.parametrize(
    ("moved", "below"),
    [("Operations", "Accounts payable"), ("Operations", "Finance"), ("Finance", "Finance")],
)
def test_a_category_cannot_lie_below_itself(catalogue: None, moved: str, below: str) -> None:
    category = WorkflowCategory.objects.get(name=moved)
    category.parent = WorkflowCategory.objects.get(name=below)
    with pytest.raises(PlatformError) as caught:
        services.save_category(category=category)
    assert problems(caught.value) == [("parent", f"'{moved}' cannot lie below itself.")]


@pytest.mark.parametrize("name", ["Operations", "Accounts payable"])
def test_a_category_that_holds_something_stays(catalogue: None, name: str) -> None:
    with pytest.raises(PlatformError) as caught:
        services.delete_category(category=WorkflowCategory.objects.get(name=name))
    assert (caught.value.code, caught.value.status) == ("category_in_use", 409)


def test_an_empty_category_goes(catalogue: None) -> None:
    WorkflowTemplate.objects.filter(category="Accounts payable").delete()
    services.delete_category(category=WorkflowCategory.objects.get(name="Accounts payable"))
    assert not WorkflowCategory.objects.filter(name="Accounts payable").exists()
