from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.audit.actors import by_command
from core.audit.recording import action
from core.models import Scope, User
from core.tokens import DEFAULT_DAYS, MAX_DAYS, issue_token


class Command(BaseCommand):
    help = "Prints a fresh API token for a user, and nothing else. It is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--days",
            type=int,
            default=DEFAULT_DAYS,
            help=f"The token expires after so many days; {DEFAULT_DAYS} if absent.",
        )
        parser.add_argument(
            "--scope",
            choices=Scope.values,
            default=Scope.ADMIN,
            help="The most that it may do: no more than a viewer, a runner, an editor, an admin.",
        )
        parser.add_argument("--name", default="", help="What it is for.")

    def handle(self, *args: Any, **options: Any) -> str:
        days: int = options["days"]
        if not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--days must be between 1 and {MAX_DAYS}.")
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        if not user.is_active:
            raise CommandError(f"The user {user.username!r} is not active.")
        scope, name = Scope(options["scope"]), options["name"]
        with action(by_command("api_token"), "token.create", days=days, scope=scope) as entry:
            row, token = issue_token(user=user, scope=scope, days=days, name=name)
            entry.on(row)
            entry.tell(account=user.username)
        return token
