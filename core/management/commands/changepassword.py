from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword

from core.audit.actors import by_command
from core.audit.recording import action
from core.models import User


class Command(changepassword.Command):
    """Django's own command, which tells the audit log whose password it changed."""

    def handle(self, *args: Any, **options: Any) -> Any:
        name = options["username"] or getpass.getuser()
        account = User.objects.filter(username=name).first()
        actor = by_command("changepassword")
        with action(actor, "user.update", account, fields=["password"]):
            return super().handle(*args, **options)
