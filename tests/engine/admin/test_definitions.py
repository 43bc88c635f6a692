"""Workflows: saved as checked JSON, run after a confirmation, kept while they have runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from core.models import User
from engine.models import Workflow, WorkflowExecution, WorkflowSchedule, WorkflowVersion
from engine.workflows import create_workflow, update_workflow
from tests.engine.admin.conftest import ASKS, Staff, text, url
from tests.support.workflows import calls, definition, step

VERSIONS = {
    "versions-TOTAL_FORMS": "0",
    "versions-INITIAL_FORMS": "0",
    "versions-MIN_NUM_FORMS": "0",
    "versions-MAX_NUM_FORMS": "0",
}


def post(client: Client, page: str, document: Any, **fields: str) -> Any:
    raw = document if isinstance(document, str) else json.dumps(document)
    return client.post(page, {"definition": raw, **VERSIONS, **fields})


def errors(response: Any) -> list[str]:
    assert response.status_code == 200
    found: list[str] = response.context["adminform"].form.errors["definition"]
    return found


def test_new_workflow_belongs_to_the_operator(admin_client: Client, operator: User) -> None:
    response = post(admin_client, url("workflow", "add"), ASKS, is_shared="on")
    assert response.status_code == 302
    made = Workflow.objects.get()
    assert (made.owner, made.created_by, made.is_shared) == (operator, "operator", True)
    assert (made.definition, made.versions.get().definition) == (ASKS, ASKS)
    assert "was added successfully" in text(admin_client.get(response["Location"]))


def test_page_of_a_new_workflow_holds_a_valid_definition(admin_client: Client) -> None:
    page = admin_client.get(url("workflow", "add"))
    shown = page.context["adminform"].form["definition"].value()
    assert post(admin_client, url("workflow", "add"), shown).status_code == 302


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{", ["JSON", "line 1"]),
        ('{"name": "a", "name": "b"}', ["name", "duplicate key"]),
        ("[]", ["a definition is an object"]),
        (definition(step("a", "ghost")), ["steps[0].dependencies[0]: ", "step 'a'", "ghost"]),
        (definition(step("a", step_type="MAGIC")), ["steps[0].step_type: ", "step 'a'", "MAGIC"]),
        (
            definition(step("a"), step("b", "a", config={"function": "none"})),
            ["steps[1].config.function: ", "step 'b'", "none"],
        ),
        (definition(step("a", "b"), step("b", "a")), ["cycle"]),
        (definition(step("a"), surprise=1), ["surprise"]),
    ],
)
def test_faults_name_path_and_step(
    admin_client: Client, workflow: Workflow, document: Any, expected: list[str]
) -> None:
    for page in (url("workflow", "add"), url("workflow", "change", workflow.pk)):
        found = "\n".join(errors(post(admin_client, page, document)))
        assert [part for part in expected if part not in found] == []
    assert WorkflowVersion.objects.count() == 1


def test_every_fault_is_shown_and_the_text_kept(admin_client: Client) -> None:
    document = definition(step("a", step_type="MAGIC"), step("b", on_error="explode"))
    response = post(admin_client, url("workflow", "add"), document)
    assert len(errors(response)) == 2
    assert "explode" in response.context["adminform"].form["definition"].value()


def test_a_change_makes_a_version_and_no_change_makes_none(
    admin_client: Client, workflow: Workflow
) -> None:
    page = url("workflow", "change", workflow.pk)
    changed = {**ASKS, "version": "2.0", "name": "Asks better"}
    editor = User.objects.create_superuser("editor")
    client = Client()
    client.force_login(editor)
    assert post(client, page, changed).status_code == 302
    assert post(client, page, changed, is_shared="on").status_code == 302
    workflow.refresh_from_db()
    assert (workflow.name, workflow.version, workflow.latest) == ("Asks better", "2.0", 2)
    assert (workflow.is_shared, workflow.created_by) == (True, "operator")
    made = workflow.versions.values_list("number", "version", "created_by")
    assert list(made) == [(2, "2.0", "editor"), (1, "1.0", "operator")]
    assert "2.0" in text(client.get(page))
    assert '"Asks' in text(client.get(url("workflow", "version", workflow.pk, 1))).replace(
        "&quot;", '"'
    )


def test_definition_is_shown_in_the_documented_order(
    admin_client: Client, workflow: Workflow
) -> None:
    page = admin_client.get(url("workflow", "change", workflow.pk))
    shown = page.context["adminform"].form["definition"].value()
    document = json.loads(shown)
    assert document == ASKS
    assert list(document)[:4] == ["name", "description", "version", "category"]
    assert list(document["steps"][0])[:3] == ["id", "name", "step_type"]
    assert shown.startswith('{\n  "name"')


def test_plan_is_shown_and_bounded(admin_client: Client, operator: User) -> None:
    names = [f"s{n}" for n in range(3_000)]

    def slow(*names: str) -> dict[str, Any]:
        return step(*names, **calls("tests.slow"))

    chain = [step(name, *names[n - 1 : n] if n else ()) for n, name in enumerate(names)]
    for document, expected in (
        (ASKS, "chain(first + ask"),
        (definition(slow("s"), slow("a", "s"), slow("b", "s"), step("c", "a", "b")), "chord("),
        (definition(*chain), "s0 + s1"),
    ):
        made = create_workflow(document=document, owner=operator)
        page = text(admin_client.get(url("workflow", "change", made.pk)))
        plan = page[page.index("plan-heading") :]
        assert expected in plan
        assert len(plan) < 60_000


def test_newest_versions_are_listed(
    admin_client: Client, workflow: Workflow, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(30):
        update_workflow(workflow=workflow, document={**ASKS, "version": f"v{n}"}, user=None)
    with django_assert_max_num_queries(14):
        page = text(admin_client.get(url("workflow", "change", workflow.pk)))
    assert page.count(">Show</a>") == 20
    assert "v29" in page
    assert post(admin_client, url("workflow", "change", workflow.pk), ASKS).status_code == 302


def test_list_filters_and_searches(
    admin_client: Client,
    operator: User,
    workflow: Workflow,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    other = User.objects.create_user("other")
    for n in range(20):
        create_workflow(
            document=definition(step("a"), name=f"Other {n}", category="others"),
            owner=operator if n % 2 else other,
            is_shared=True,
        )
    listed = url("workflow", "changelist")
    for query, count in (
        ("", 21),
        ("?category=others", 20),
        ("?is_shared__exact=0", 1),
        (f"?owner__id__exact={operator.pk}", 11),
        ("?q=Asks", 1),
    ):
        with django_assert_max_num_queries(9):
            page = text(admin_client.get(listed + query))
        assert page.count('class="field-category"') == count, query


def test_workflow_with_runs_is_kept(
    admin_client: Client, workflow: Workflow, waiting_run: WorkflowExecution
) -> None:
    page = url("workflow", "delete", workflow.pk)
    assert "1 run of Asks" in text(admin_client.get(page))
    admin_client.post(page, {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": str(workflow.pk), "post": "yes"}
    refused = text(admin_client.post(url("workflow", "changelist"), action))
    assert "1 run of Asks" in refused
    assert Workflow.objects.filter(pk=workflow.pk).exists()


def test_workflow_with_schedules_is_kept(
    admin_client: Client, workflow: Workflow, schedule: WorkflowSchedule
) -> None:
    page = url("workflow", "delete", workflow.pk)
    assert "delete them first" in text(admin_client.get(page))
    admin_client.post(page, {"post": "yes"})
    assert Workflow.objects.filter(pk=workflow.pk).exists()


@pytest.mark.parametrize("from_list", [False, True])
def test_workflow_without_runs_is_deleted_after_a_confirmation(
    admin_client: Client, workflow: Workflow, from_list: bool
) -> None:
    page, data = url("workflow", "delete", workflow.pk), {}
    if from_list:
        page = url("workflow", "changelist")
        data = {"action": "delete_selected", "_selected_action": str(workflow.pk)}
    asked = admin_client.post(page, data) if from_list else admin_client.get(page)
    assert "Are you sure" in text(asked)
    assert Workflow.objects.exists()
    assert admin_client.post(page, {**data, "post": "yes"}).status_code == 302
    assert not Workflow.objects.exists()


def test_run_now_asks_for_the_context_first(
    admin_client: Client, operator: User, workflow: Workflow
) -> None:
    page = url("workflow", "run", workflow.pk)
    asked = admin_client.get(page)
    assert '"amount": 5' in asked.context["form"]["context"].value()
    token = str(asked.context["form"]["token"].value())
    admin_client.post(page, {"context": "", "token": token})
    assert not WorkflowExecution.objects.exists()
    refused = admin_client.post(page, {"context": '{"amount": "five"}', "token": token})
    assert "amount" in str(refused.context["form"].errors["context"])
    listed = admin_client.post(page, {"context": "[1]", "token": token})
    assert "JSON object" in str(listed.context["form"].errors["context"])
    assert not WorkflowExecution.objects.exists()
    answers = [
        admin_client.post(page, {"context": '{"amount": 7}', "token": token}) for _ in range(2)
    ]
    run = WorkflowExecution.objects.get()
    assert {answer["Location"] for answer in answers} == {
        url("workflowexecution", "change", run.pk)
    }
    assert (run.user, run.session_id, run.context["data"]) == (operator, "admin", {"amount": 7})


def test_run_now_needs_its_permission(staff: Staff, workflow: Workflow) -> None:
    page = url("workflow", "run", workflow.pk)
    data = {"context": "{}", "token": "0193a1b2-0000-7000-8000-000000000000"}
    looks = staff("view_workflow", "change_workflow")
    assert looks.post(page, data).status_code == 403
    assert page not in text(looks.get(url("workflow", "changelist")))
    runs = staff("view_workflow", "run_workflow")
    assert page in text(runs.get(url("workflow", "changelist")))
    assert runs.get(page).status_code == 200
