from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed

from core.api.auth import TokenAuthentication
from core.models import AccessToken, Scope, User

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_api_token_prints_a_token_that_signs_in_and_nothing_else() -> None:
    user = User.objects.create_user("ann")
    printed = run("api_token", "ann")
    assert re.fullmatch(r"\S{20,}\n", printed)
    assert TokenAuthentication().authenticate_credentials(printed.strip())[0] == user
    row = AccessToken.objects.get()
    assert (row.scope, row.name) == (Scope.ADMIN, "")
    assert abs(row.expiry - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert run("api_token", "ann") != printed


def test_api_token_expires() -> None:
    User.objects.create_user("ann")
    token = run("api_token", "ann", "--days", "2", "--scope", "run", "--name", "CI").strip()
    row = AccessToken.objects.get()
    assert (row.scope, row.name) == (Scope.RUN, "CI")
    assert abs(row.expiry - timezone.now() - timedelta(days=2)) < timedelta(minutes=1)
    row.expiry = timezone.now()
    row.save()
    with pytest.raises(AuthenticationFailed):
        TokenAuthentication().authenticate_credentials(token)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "no user 'nobody'"),
        (["ann", "--days", "0"], "--days"),
        (["ann", "--days", "9999999"], "--days"),
        (["gone"], "not active"),
    ],
)
def test_api_token_refuses(arguments: list[str], message: str) -> None:
    User.objects.create_user("ann")
    User.objects.create_user("gone", is_active=False)
    with pytest.raises(CommandError, match=message):
        run("api_token", *arguments)
    assert not AccessToken.objects.exists()


def test_create_operator_prints_the_password_once() -> None:
    printed = run("create_operator")
    match = re.fullmatch(r"operator account: admin / (\S{20})\n", printed)
    assert match
    user = User.objects.get(username="admin")
    assert user.is_superuser
    assert user.is_staff
    assert user.check_password(match[1])
    assert run("create_operator") == ""
    user.refresh_from_db()
    assert user.check_password(match[1])


def test_create_operator_writes_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "operator"
    path.parent.mkdir()
    path.write_text("stale")
    path.chmod(0o644)
    printed = run("create_operator", "--username", "root", "--password-file", str(path))
    assert printed == f"operator account: root / {path.read_text().strip()}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert run("create_operator", "--username", "root", "--password-file", str(path)) == ""


def test_a_user_has_a_uuid7_and_a_name_that_fits_created_by() -> None:
    user = User.objects.create_user("ann")
    assert user.id.version == 7
    assert User._meta.get_field("username").max_length == 50
    assert User._meta.db_table == "workflow_users"
