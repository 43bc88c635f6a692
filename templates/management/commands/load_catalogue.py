from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.audit.actors import by_command
from core.audit.recording import action
from templates import services
from templates.errors import InvalidTemplate


class Command(BaseCommand):
    help = "Loads the starter categories and templates; keeps what operators made or changed."

    def handle(self, *args: Any, **options: Any) -> str:
        try:
            with action(by_command("load_catalogue"), "catalogue.load") as entry:
                done = services.load_catalogue()
                entry.tell(created=done.created, updated=done.updated)
                if not done.created + done.updated:
                    entry.drop()
        except InvalidTemplate as error:
            found = "; ".join(f"{p.path}: {p.message}" for p in error.problems)
            raise CommandError(f"{error.message} {found}") from None
        return (
            f"Catalogue: {done.categories} categories; templates: {done.created} new, "
            f"{done.updated} updated, {done.unchanged} unchanged, {done.kept} kept as changed here."
        )
