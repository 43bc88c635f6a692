from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.db.models.signals import post_save

from core.audit.actors import by_command
from core.audit.recording import record
from core.models import User


class Command(createsuperuser.Command):
    """Django's own command, which tells the audit log whom it made."""

    def handle(self, *args: Any, **options: Any) -> Any:
        def tell(instance: User, **_: Any) -> None:
            record(by_command("createsuperuser"), "user.create", instance, is_superuser=True)

        # Within the transaction that saves the account; not around the questions before it.
        post_save.connect(tell, sender=User, weak=False, dispatch_uid="createsuperuser")
        try:
            return super().handle(*args, **options)
        finally:
            post_save.disconnect(sender=User, dispatch_uid="createsuperuser")
