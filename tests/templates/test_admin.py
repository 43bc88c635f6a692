from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from core.models import User
from engine.models import Workflow
from templates.models import WorkflowCategory, WorkflowTemplate

TEMPLATES = "admin:workflow_templates_workflowtemplate"
CATEGORIES = "admin:workflow_templates_workflowcategory"


@pytest.fixture
def operator(admin_client: Client, admin_user: User) -> Client:
    return admin_client


def form(row: WorkflowTemplate, **changes: Any) -> dict[str, Any]:
    return {
        "name": row.name,
        "description": row.description,
        "category": row.category,
        "is_active": "on",
        "template": json.dumps(row.template),
        "sample_input": json.dumps(row.sample_input),
        "expected": json.dumps(row.expected),
    } | changes


def errors(answer: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def test_templates_are_listed_and_found(operator: Client, catalogue: None) -> None:
    page = operator.get(reverse(f"{TEMPLATES}_changelist")).content.decode()
    assert "Portfolio risk review" in page
    found = operator.get(reverse(f"{TEMPLATES}_changelist"), {"category": "Operations"})
    assert {row.key for row in found.context["cl"].result_list} == {
        "invoice-approval",
        "feedback-triage",
    }
    found = operator.get(reverse(f"{TEMPLATES}_changelist"), {"q": "invoice"})
    assert [row.key for row in found.context["cl"].result_list] == ["invoice-approval"]


def test_a_template_is_shown_and_saved(operator: Client, invoice: WorkflowTemplate) -> None:
    address = reverse(f"{TEMPLATES}_change", args=[invoice.pk])
    page = operator.get(address).content.decode()
    assert "<li>A person approves <small>(DECISION, <code>manager</code>)</small></li>" in page
    assert "\u2003\u2003Accounts payable" in page
    answer = operator.post(address, form(invoice, name="Bills", category="Finance"))
    assert answer.status_code == 302, errors(answer)
    invoice.refresh_from_db()
    assert (invoice.name, invoice.category) == ("Bills", "Finance")


def test_an_operators_own_template(operator: Client, invoice: WorkflowTemplate) -> None:
    body = form(invoice, name="Own", sample_input="{}", expected="{}")
    answer = operator.post(reverse(f"{TEMPLATES}_add"), body)
    assert answer.status_code == 302, errors(answer)
    own = WorkflowTemplate.objects.get(name="Own")
    assert (own.key, own.sample_input, own.expected) == (None, {}, {})


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"template": ""}, "template", "This field is required."),
        ({"template": "{"}, "template", "The body is not JSON"),
        ({"template": '{"name": 1, "name": 2}'}, "template", "name: is a duplicate key"),
        ({"template": "[1]"}, "template", "A JSON object is expected here"),
        ({"sample_input": '{"approval_limit": 1}'}, "sample_input", "sample_input"),
        ({"expected": '{"status": "done"}'}, "expected", "expected.status: one of"),
        ({"category": "Nowhere"}, "category", "Select a valid choice"),
    ],
)
def test_mistakes_are_named_at_their_field(
    operator: Client, invoice: WorkflowTemplate, change: dict[str, str], field: str, message: str
) -> None:
    address = reverse(f"{TEMPLATES}_change", args=[invoice.pk])
    answer = operator.post(address, form(invoice, **change))
    assert answer.status_code == 200
    assert list(errors(answer)) == [field]
    assert message in errors(answer)[field][0]


def test_mistakes_name_step_and_field(operator: Client, invoice: WorkflowTemplate) -> None:
    invoice.template["steps"][3]["config"]["rules"][0]["when"] = "steps.nobody.output.valid"
    invoice.template["steps"][1]["config"]["arguments"]["lines"] = "${1 +}"
    address = reverse(f"{TEMPLATES}_change", args=[invoice.pk])
    answer = operator.post(address, form(invoice))
    (found,) = errors(answer)["template"]
    assert found.startswith("template.steps[1].config.arguments.lines: step 'totals': ")
    # What was typed is still there to be mended.
    assert "${1 +}" in answer.content.decode()


def test_instantiating(operator: Client, admin_user: User, invoice: WorkflowTemplate) -> None:
    body = {"action": "instantiate", "_selected_action": [str(invoice.pk)]}
    page = operator.post(reverse(f"{TEMPLATES}_changelist"), body, follow=True).content.decode()
    workflow = Workflow.objects.get()
    assert workflow.owner == admin_user
    address = reverse("admin:workflow_engine_workflow_change", args=[workflow.pk])
    assert f'The workflow <a href="{address}">Invoice approval</a> is yours.' in page


def test_instantiating_needs_the_permission(client: Client, invoice: WorkflowTemplate) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=("view_workflowtemplate", "change_workflowtemplate"))
    )
    client.force_login(user)
    address = reverse(f"{TEMPLATES}_changelist")
    page = client.get(address).content.decode()
    assert "Invoice approval" in page
    assert "instantiate" not in page
    client.post(address, {"action": "instantiate", "_selected_action": [str(invoice.pk)]})
    assert not Workflow.objects.exists()


def test_viewers_see_and_change_nothing(client: Client, invoice: WorkflowTemplate) -> None:
    user = User.objects.create_user("guest", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_workflow"))
    client.force_login(user)
    category = WorkflowCategory.objects.get(name="Finance")
    for name, row in ((TEMPLATES, invoice), (CATEGORIES, category)):
        address = reverse(f"{name}_change", args=[row.pk])
        assert client.get(address).status_code == 200
        assert client.post(address, {"name": "x"}).status_code == 403


def test_categories_are_an_indented_tree(operator: Client, catalogue: None) -> None:
    answer = operator.get(reverse(f"{CATEGORIES}_changelist"))
    rows = [(row.name, row.template_total) for row in answer.context["cl"].result_list]
    assert rows == [
        ("Investing", 0),
        ("Client onboarding", 1),
        ("Portfolio analysis", 1),
        ("Operations", 0),
        ("Customer service", 1),
        ("Finance", 0),
        ("Accounts payable", 1),
    ]
    assert "\u2003\u2003Accounts payable" in answer.content.decode()


def test_a_category_moves_but_not_below_itself(operator: Client, catalogue: None) -> None:
    finance = WorkflowCategory.objects.get(name="Finance")
    address = reverse(f"{CATEGORIES}_change", args=[finance.pk])
    body = {"name": "Money", "description": "", "parent": ""}
    assert operator.post(address, body).status_code == 302
    finance.refresh_from_db()
    assert (finance.name, finance.parent) == ("Money", None)
    below = WorkflowCategory.objects.get(name="Accounts payable")
    answer = operator.post(address, body | {"parent": str(below.pk)})
    assert list(errors(answer)) == ["parent"]


def test_a_category_that_holds_something_is_not_deleted(operator: Client, catalogue: None) -> None:
    for name in ("Operations", "Accounts payable"):
        category = WorkflowCategory.objects.get(name=name)
        page = operator.get(reverse(f"{CATEGORIES}_delete", args=[category.pk]))
        assert page.context["protected"], name
    empty = WorkflowCategory.objects.create(name="Empty")
    answer = operator.post(reverse(f"{CATEGORIES}_delete", args=[empty.pk]), {"post": "yes"})
    assert answer.status_code == 302
    assert not WorkflowCategory.objects.filter(name="Empty").exists()
