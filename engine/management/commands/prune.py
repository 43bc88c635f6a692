from __future__ import annotations

import logging
import re
from argparse import ArgumentTypeError
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from core.audit.actors import by_command
from core.audit.recording import action
from engine import retention

logger = logging.getLogger(__name__)

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """`12h`, `90d` or `8w`."""
    found = re.fullmatch(r"([1-9]\d{0,4})([hdw])", text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no age: write 12h, 90d or 8w.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


class Command(BaseCommand):
    help = "Deletes runs that ended long ago, with their steps, history and figures."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", type=age, required=True, metavar="90d", help="12h, 90d or 8w"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Count what would go, and delete nothing."
        )

    def handle(self, *args: Any, **options: Any) -> str:
        before: datetime = timezone.now() - options["older_than"]
        if options["dry_run"]:
            count = sum(len(batch) for batch in retention.old_runs(before))
            return f"Would delete {count} runs that ended before {before:%Y-%m-%d %H:%M} UTC."
        deleted: Counter[str] = Counter()
        for batch in retention.old_runs(before):
            with action(by_command("prune"), "execution.prune", before=before) as entry:
                gone = retention.delete_runs(batch)
                deleted += gone
                entry.tell(rows=gone)
        report = _report(deleted, before)
        logger.info(report)
        return report


def _report(deleted: Counter[str], before: datetime) -> str:
    runs = deleted.pop("workflow_engine.WorkflowExecution", 0)
    rows = [
        f"{count} {apps.get_model(label)._meta.verbose_name_plural}"
        for label, count in sorted(deleted.items())
    ]
    told = f", with {', '.join(rows)}" if rows else ""
    return f"Deleted {runs} runs that ended before {before:%Y-%m-%d %H:%M} UTC{told}."
