"""Rows from before a migration are what they were after it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from knox.crypto import hash_token

from core.models import AccessToken, Scope

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(*targets: tuple[str, str]) -> Any:
    """The models as they are there."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return executor.loader.project_state(list(targets)).apps


@pytest.fixture
def newest(own_keys: bytes) -> Iterator[None]:
    """Ends at the newest migration; the data keys of the others' values outlive it."""
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


@pytest.mark.usefixtures("newest")
def test_tokens_go_on_signing_in_and_expire() -> None:
    old = migrate(("workflow_core", "0006_reencryption_counts"))
    user = old.get_model("workflow_core", "User").objects.create(username="ann")
    with connection.cursor() as cursor:
        for text, expiry in (("never", None), ("soon", timezone.now() + timedelta(days=1))):
            cursor.execute(
                "INSERT INTO knox_authtoken VALUES (%s, %s, %s, now(), %s)",
                [hash_token(text), text, user.id, expiry],
            )
    migrate(("workflow_core", "0007_access_tokens"))
    for text, days in (("never", 366), ("soon", 1)):
        token = AccessToken.objects.get(digest=hash_token(text))
        assert (token.user_id, token.scope) == (user.id, Scope.ADMIN)
        assert abs(token.expiry - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('knox_authtoken')")
        assert cursor.fetchone() == (None,)
