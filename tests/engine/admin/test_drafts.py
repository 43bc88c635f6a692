"""Drafts: what they change and why is shown; published or dismissed once, with the permission."""

from __future__ import annotations

import pytest
from django.test import Client

from core.audit.models import AuditEntry, Outcome
from core.models import User
from engine.drafts import dismiss_draft
from engine.models import Workflow, WorkflowVersion
from engine.workflows import update_workflow
from tests.engine.admin.conftest import ASKS, Staff, text, url


def page(draft: WorkflowVersion, name: str = "change") -> str:
    return url("workflowversion", name, draft.pk)


def told() -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(action__endswith="_draft").order_by("id")
    return list(rows.values_list("action", "outcome"))


def test_list_has_drafts_alone(
    admin_client: Client, operator: User, workflow: Workflow, draft: WorkflowVersion
) -> None:
    listed = url("workflowversion", "changelist")
    for query, count in (
        ("", 1),
        ("?decision__exact=", 1),
        ("?decision__exact=dismissed", 0),
        (f"?workflow__id__exact={workflow.pk}", 1),
        ("?q=Asks", 1),
        ("?q=nothing", 0),
    ):
        assert text(admin_client.get(listed + query)).count('class="field-number"') == count, query
    dismiss_draft(draft=draft, user=operator)
    found = text(admin_client.get(listed + "?decision__exact=dismissed"))
    assert found.count('class="field-number"') == 1
    first = workflow.versions.get(number=1)
    assert admin_client.get(page(first))["Location"] == url("workflow", "change", workflow.pk)
    assert page(draft) in text(admin_client.get(url("workflow", "change", workflow.pk)))


def test_page_tells_changes_and_reasons(admin_client: Client, draft: WorkflowVersion) -> None:
    shown = text(admin_client.get(page(draft)))
    assert "from version 1.0 (number 1)" in shown
    assert "Step &#x27;first&#x27;: name changes" in shown
    assert ("Nobody waits." in shown, "But: Once." in shown) == (True, True)


def test_publishing_makes_a_version(
    admin_client: Client, workflow: Workflow, draft: WorkflowVersion
) -> None:
    answer = admin_client.post(page(draft, "publish"), {"against": "1"})
    assert answer["Location"] == page(draft)
    workflow.refresh_from_db()
    assert (workflow.latest, workflow.definition) == (3, draft.definition)
    made = workflow.versions.get(number=3)
    assert (made.is_draft, made.created_by) == (False, "operator")
    shown = text(admin_client.get(page(draft)))
    assert "Published by operator" in shown
    assert "name changes" in shown
    assert page(draft, "publish") not in shown
    for name in ("publish", "dismiss"):
        again = text(admin_client.post(page(draft, name), {"against": "3"}, follow=True))
        assert "no draft that is still to be decided on" in again
    assert told() == [
        ("workflow.publish_draft", Outcome.DONE),
        ("workflow.publish_draft", Outcome.REFUSED),
        ("workflow.dismiss_draft", Outcome.REFUSED),
    ]


def test_what_changed_meanwhile_is_looked_at_first(
    admin_client: Client, workflow: Workflow, draft: WorkflowVersion
) -> None:
    update_workflow(workflow=workflow, document={**ASKS, "category": "other"}, user=None)
    refused = text(admin_client.post(page(draft, "publish"), {"against": "1"}, follow=True))
    assert "another version by now" in refused
    assert "category changes" in refused
    assert admin_client.post(page(draft, "publish"), {}).status_code == 404
    draft.refresh_from_db()
    assert draft.decision == ""


def test_a_workflow_that_refuses_ai(
    admin_client: Client, workflow: Workflow, draft: WorkflowVersion
) -> None:
    update_workflow(workflow=workflow, document={**ASKS, "ai_configurable": False}, user=None)
    assert page(draft, "publish") not in text(admin_client.get(page(draft)))
    refused = text(admin_client.post(page(draft, "publish"), {"against": "3"}, follow=True))
    assert "AI may not change it" in refused
    workflow.refresh_from_db()
    assert workflow.latest == 3
    assert told() == [("workflow.publish_draft", Outcome.REFUSED)]
    admin_client.post(page(draft, "dismiss"))
    assert "Dismissed by operator" in text(admin_client.get(page(draft)))


@pytest.mark.parametrize("name", ["publish", "dismiss"])
def test_deciding_needs_its_permission(staff: Staff, draft: WorkflowVersion, name: str) -> None:
    looks = staff("view_workflow")
    assert page(draft, name) not in text(looks.get(page(draft)))
    assert looks.post(page(draft, name), {"against": "1"}).status_code == 403
    decides = staff("change_workflow")
    assert decides.get(page(draft, name)).status_code == 405
    assert decides.post(page(draft, name), {"against": "1"}).status_code == 302
    draft.refresh_from_db()
    assert draft.decision
