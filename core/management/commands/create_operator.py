from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import IntegrityError, transaction

from core.audit.actors import by_command
from core.audit.recording import record
from core.models import User


class Command(BaseCommand):
    help = (
        "Creates the operator's account with a random password, printed once, where it is missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", default="admin")
        parser.add_argument(
            "--password-file", type=Path, help="Also write the password here (mode 0600)."
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        username: str = options["username"]
        if User.objects.filter(username=username).exists():
            return None
        password = secrets.token_urlsafe(15)
        try:
            with transaction.atomic():
                user = User.objects.create_superuser(username, password=password)
                record(by_command("create_operator"), "user.create", user, is_superuser=True)
                if options["password_file"] is not None:
                    _write_private(options["password_file"], password)
        except IntegrityError:
            # Another process was first; its password is the one that was printed.
            return None
        return f"operator account: {username} / {password}"


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file that exists keeps its old mode when it is opened again.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{text}\n")
