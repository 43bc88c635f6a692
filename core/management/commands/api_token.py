from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from knox.models import get_token_model

from core.audit.actors import by_command
from core.audit.recording import action
from core.models import User


class Command(BaseCommand):
    help = "Prints a fresh API token for a user, and nothing else. It is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--days", type=int, help="The token expires after so many days.")

    def handle(self, *args: Any, **options: Any) -> str:
        days: int | None = options["days"]
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError("--days must be between 1 and 36500.")
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        if not user.is_active:
            raise CommandError(f"The user {user.username!r} is not active.")
        expiry = {} if days is None else {"expiry": timedelta(days=days)}
        with action(by_command("api_token"), "token.create", days=days) as entry:
            row, token = get_token_model().objects.create(user=user, **expiry)
            entry.on(row)
            entry.tell(account=user.username)
        return str(token)
