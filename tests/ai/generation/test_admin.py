"""Generations in the admin: which steps came of it, for who may see both ends."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from ai.models import AIWorkflowGeneration
from core.models import User
from engine.workflows import create_workflow
from tests.support.workflows import definition, step

pytestmark = pytest.mark.django_db
SAID = "Above <b>200</b> the manager approves."


@pytest.mark.parametrize("sees_workflows", [False, True])
def test_steps_and_the_words_they_come_from(sees_workflows: bool) -> None:
    author = User.objects.create_user("author")
    document = definition(step("first", ai_generated=True, ai_prompt=SAID), step("own"))
    made = AIWorkflowGeneration.objects.create(
        user=author,
        requirements={"requirements": SAID},
        generated_workflow=create_workflow(document=document, owner=author),
        ai_model="m",
        provider="p",
        success=True,
    )
    clerk = User.objects.create_user("clerk", is_staff=True)
    names = ["view_aiworkflowgeneration", "read_ai_requirements"]
    names += ["view_workflow"] if sees_workflows else []
    clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(clerk)
    page = client.get(reverse("admin:workflow_ai_aiworkflowgeneration_change", args=[made.pk]))
    shown = page.content.decode()
    steps = "<code>first</code>" in shown and "&lt;b&gt;200&lt;/b&gt; the manager" in shown
    assert (page.status_code, steps, "<code>own</code>" in shown) == (200, sees_workflows, False)
    listed = reverse("admin:workflow_ai_aiworkflowgeneration_changelist")
    for query, count in (("?provider=p", 1), ("?provider=q", 0), ("?q=author", 1), ("?q=b", 0)):
        found = client.get(listed + query).content.decode()
        assert found.count('class="field-provider"') == count, query
