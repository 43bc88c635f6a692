"""Every management command that changes something leaves a row."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from unittest.mock import patch

import pytest
from django.apps import apps
from django.core.management import call_command, get_commands

from core.audit.models import AuditEntry, Via
from core.models import User
from tests.engine.test_prune import aged
from tests.support.cast import work
from tests.support.workflows import definition, start, step

pytestmark = pytest.mark.django_db

OURS = {config.name for config in apps.get_app_configs() if config.label.startswith("workflow_")}


def call(*arguments: str) -> Callable[[User], object]:
    return lambda user: call_command(*arguments, stdout=StringIO())


def prune(user: User) -> None:
    aged(work(start(definition(step("only")), user=user)), 100)
    call("prune", "--older-than", "90d")(user)


def change_password(user: User) -> None:
    with patch("getpass.getpass", return_value="correct horse 1"):
        call("changepassword", user.username)(user)


# Command -> how it is called, and under which name it is told.
COMMANDS: dict[str, tuple[Callable[[User], object], str]] = {
    "api_token": (call("api_token", "ann"), "token.create"),
    "audit": (call("audit", "export"), "audit.export"),
    "changepassword": (change_password, "user.update"),
    "create_operator": (call("create_operator"), "user.create"),
    "createsuperuser": (
        call("createsuperuser", "--noinput", "--username", "root", "--email", "r@example.org"),
        "user.create",
    ),
    "keys": (call("keys", "rotate"), "key.rotate"),
    "load_catalogue": (call("load_catalogue"), "catalogue.load"),
    "prune": (prune, "execution.prune"),
}


@pytest.mark.parametrize(
    "name", sorted(name for name, app in get_commands().items() if app in OURS)
)
def test_every_command_is_told(name: str) -> None:
    user = User.objects.create_user("ann")
    assert name in COMMANDS, "say in COMMANDS how it is called, and under which name it is told"
    run, action = COMMANDS[name]
    run(user)
    row = AuditEntry.objects.get()
    assert row.action == action
    assert row.via == Via.COMMAND
    assert row.credential.split()[0] == name
    assert row.username


def test_a_command_that_changed_nothing_is_not_told() -> None:
    call("load_catalogue")(User())
    call("load_catalogue")(User())
    call("create_operator")(User())
    call("create_operator")(User())
    told = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(told) == ["catalogue.load", "user.create"]
