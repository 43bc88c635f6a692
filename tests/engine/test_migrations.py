"""Rows from before a migration are what they were after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(*targets: tuple[str, str]) -> Any:
    """The models as they are there."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def newest() -> Iterator[None]:
    yield
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())


@pytest.mark.usefixtures("newest")
@pytest.mark.parametrize(
    ("operator", "roles"),
    [
        (True, {"boss": "admin", "ann": "editor", "bob": "runner"}),
        (False, {"boss": "runner", "ann": "admin", "bob": "runner"}),
    ],
)
def test_everybody_goes_on_seeing_what_they_saw(operator: bool, roles: dict[str, str]) -> None:
    old = migrate(
        ("workflow_engine", "0005_steps_to_send_by_queue"), ("workflow_core", "0001_initial")
    )
    User = old.get_model("workflow_core", "User")
    boss = User.objects.create(username="boss", is_superuser=operator)
    ann, _ = (User.objects.create(username=name) for name in ("ann", "bob"))
    made = old.get_model("workflow_engine", "Workflow").objects
    common = {"version": "1", "category": "c", "definition": {}}
    made.create(name="private", owner=ann, **common)
    made.create(name="shared", owner=ann, is_shared=True, **common)
    made.create(name="platform", owner=None, is_shared=True, **common)

    new = migrate(
        ("workflow_engine", "0007_idempotency_by_workflow"),
        ("workflow_core", "0003_personal_organisations"),
    )
    rows = new.get_model("workflow_engine", "Workflow").objects.values_list(
        "name", "organisation__name", "organisation__personal_of__username", "is_shared"
    )
    assert sorted(rows) == [
        ("platform", "Everybody", None, True),
        ("private", "ann", "ann", False),
        ("shared", "Everybody", None, True),
    ]
    members = new.get_model("workflow_core", "Membership").objects
    everybody = members.filter(organisation__name="Everybody")
    assert dict(everybody.values_list("user__username", "role")) == roles
    assert members.exclude(organisation__name="Everybody").count() == 3
    assert boss.username == "boss"
