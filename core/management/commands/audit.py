from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Q

from core.audit import anchors, sealing, verification
from core.audit.actors import by_command
from core.audit.anchors import BadNote, Head
from core.audit.models import AuditEntry
from core.audit.recording import record
from core.errors import KeyUnavailable

SHOWN_FAULTS = 20
_PAGE = 1000


def moment(text: str) -> datetime:
    """`2026-11-22` or `2026-11-22T09:30:00+01:00`; in UTC where no zone is given."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time: write 2026-11-22 or an ISO time.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def head(text: str) -> Head:
    """`<sequence>:<seal>`, as `verify` prints it."""
    found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text)
    if found is None:
        raise ArgumentTypeError("A head is a number, a colon and 64 hexadecimal digits.")
    return Head(sequence=int(found[1]), seal=found[2])


class Command(BaseCommand):
    help = "Checks, exports and seals the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
        verify = parts.add_parser("verify", help="Find tampering; fails where there is any.")
        verify.add_argument(
            "--head", type=head, metavar="N:SEAL", help="A head noted earlier, elsewhere."
        )
        export = parts.add_parser("export", help="Print the rows as JSON lines.")
        export.add_argument("--since", type=moment, metavar="TIME", help="Rows from then on.")
        export.add_argument("--until", type=moment, metavar="TIME", help="Rows before then.")
        parts.add_parser("seal", help="Seal new rows now, as the workers do every few seconds.")
        accept = parts.add_parser(
            "accept", help="Go on with a log that is shorter than noted, as after a restore."
        )
        accept.add_argument("--reason", required=True, help="Kept in the log.")

    def handle(self, *args: Any, **options: Any) -> str | None:
        try:
            return self._do(options)
        except KeyUnavailable as error:
            raise CommandError(
                f"The audit log cannot be proved without its key: {error.message} "
                "See: manage.py keys status"
            ) from error

    def _do(self, options: dict[str, Any]) -> str | None:
        match options["what"]:
            case "verify":
                return self._verify(options["head"])
            case "export":
                self._export(options["since"], options["until"])
                return None
            case "seal":
                return f"Sealed {sealing.seal()} rows."
            case _:
                return self._accept(options["reason"])

    def _verify(self, expected: Head | None) -> str:
        report = verification.verify(expected)
        self.stdout.write(f"{report.rows:,} sealed rows read.")
        if report.unsealed:
            self.stdout.write(
                f"{report.unsealed:,} rows wait for the sealer, the oldest since "
                f"{report.waiting_since:%Y-%m-%d %H:%M:%S} UTC: workers seal them, or `audit seal`."
            )
        if report.anchored is None:
            self.stdout.write(
                f"There is no {anchors.path()} here: rows cut off at the end would not be noticed. "
                "Run this on a machine with workers, or give --head."
            )
        if report.faults:
            shown = [str(fault) for fault in report.faults[:SHOWN_FAULTS]]
            if len(report.faults) > SHOWN_FAULTS:
                shown.append("... and more")
            raise CommandError("The audit log was tampered with.\n  " + "\n  ".join(shown))
        return f"The audit log is whole. Head: {report.head.sequence}:{report.head.seal}"

    def _export(self, since: datetime | None, until: datetime | None) -> None:
        chosen = Q()
        if since is not None:
            chosen &= Q(at__gte=since)
        if until is not None:
            chosen &= Q(at__lt=until)
        record(
            by_command("audit export"),
            "audit.export",
            since=since and since.isoformat(),
            until=until and until.isoformat(),
        )
        for entry in _rows(chosen):
            self.stdout.write(json.dumps(_line(entry), ensure_ascii=False))

    def _accept(self, reason: str) -> str:
        try:
            noted = anchors.read()
            detail = "nothing" if noted is None else f"{noted.sequence}:{noted.seal}"
        except BadNote:
            noted, detail = None, "a note that is not ours"
        holds = noted is not None and anchors.holds(noted)
        if holds and not sealing.damaged():
            return "The log has the row that this machine's note tells of: nothing to accept."
        with transaction.atomic():
            sealing.wait_for_lock()
            record(by_command("audit accept"), sealing.ACCEPTED, reason=reason, noted=detail)
            aside = None if holds else anchors.put_aside()
        sealing.seal()
        if holds:
            return "Accepted what another machine's note told of. The note here fits the log."
        return f"Accepted. The old note is {aside}." if aside else "Accepted. There was no note."


def _rows(chosen: Q) -> Iterator[AuditEntry]:
    rows = AuditEntry.objects.filter(chosen).order_by("id")
    page = list(rows[:_PAGE])
    while page:
        yield from page
        page = list(rows.filter(id__gt=page[-1].id)[:_PAGE])


def _line(entry: AuditEntry) -> dict[str, Any]:
    values = {field.attname: getattr(entry, field.attname) for field in AuditEntry._meta.fields}
    texts = {"id": str(entry.id), "at": entry.at.isoformat()}
    ids = {
        name: str(values[name]) if values[name] else None for name in ("user_id", "organisation_id")
    }
    return {**values, **texts, **ids}
