from __future__ import annotations

import time
from argparse import ArgumentTypeError
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from core.audit.actors import Actor, by_command
from core.encryption import INSTALLATION, Owner
from core.errors import PlatformError
from core.keys import inspection, masters, providers, reencryption, rotation
from core.keys.columns import SealedColumn
from core.keys.reencryption import Outcome
from core.models import DataKey

_BUSY_SECONDS = 0.5
_OWNERS = {str(kind): kind for kind in DataKey.OwnerKind if kind != DataKey.OwnerKind.AUDIT}


def owner(text: str) -> Owner:
    """`installation`, `organisation:<id>` or `person:<id>`."""
    kind, _, pk = text.partition(":")
    try:
        if kind in _OWNERS and bool(pk) == (kind != INSTALLATION.kind):
            return Owner(kind, UUID(pk) if pk else None)
    except ValueError:
        pass
    raise ArgumentTypeError(f"{text!r} is no owner: write organisation:<id> or person:<id>.")


def positive(text: str) -> int:
    """A number that is greater than zero."""
    if text.isdecimal() and int(text):
        return int(text)
    raise ArgumentTypeError(f"{text!r} is no number greater than zero.")


class Command(BaseCommand):
    help = "Shows, rotates, rewraps, checks and destroys the keys of what is encrypted at rest."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
        parts.add_parser("status", help="Show the keys, and how far sealing anew has come.")
        rotate = parts.add_parser("rotate", help="Begin a new key; the old one only opens.")
        rotate.add_argument("--owner", type=owner, default=INSTALLATION)
        rotate.add_argument(
            "--older-than", type=positive, metavar="DAYS", help="Every owner's, where so old."
        )
        reencrypt = parts.add_parser("reencrypt", help="Seal old values under the newest keys.")
        reencrypt.add_argument("--rows", type=positive, default=reencryption.ROWS, metavar="N")
        parts.add_parser("rewrap", help="Wrap every key by the newest master key of the provider.")
        check = parts.add_parser("check", help="Open every value; fails where one does not.")
        check.add_argument(
            "--sample", type=positive, metavar="N", help="Only so many oldest and newest a column."
        )
        destroy = parts.add_parser("destroy", help="Destroy an owner's keys and values for good.")
        destroy.add_argument("--owner", type=owner, required=True)
        destroy.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, **options: Any) -> str | None:
        actor = by_command(f"keys {options['what']}")
        try:
            match options["what"]:
                case "status":
                    return self._status()
                case "rotate":
                    return self._rotate(actor, options["owner"], options["older_than"])
                case "reencrypt":
                    return self._reencrypt(actor, options["rows"])
                case "rewrap":
                    return f"Wrapped {rotation.rewrap(actor=actor)} keys."
                case "check":
                    return self._check(options["sample"])
                case _:
                    return self._destroy(actor, options["owner"], sure=options["yes"])
        except PlatformError as error:
            raise CommandError(error.message) from error

    def _status(self) -> str:
        self.stdout.write(f"Provider: {providers.current_name()}")
        for master in masters.missing():
            self.stdout.write(
                f"MISSING: the master key {master.id} ({master.provider}), which wraps "
                f"{master.keys} data keys. Give it back; a new one opens nothing."
            )
        for key in DataKey.objects.filter(owner_id=None):
            since = f"{key.created_at:%Y-%m-%d %H:%M}"
            self.stdout.write(
                f"{key.kid:16}  {key.owner.kind:12}  {key.state:12}  {key.provider:5}  {since}"
            )
        others = DataKey.objects.exclude(owner_id=None).values_list("owner_kind", "state")
        for kind, state, count in others.annotate(Count("kid")).order_by("owner_kind", "state"):
            self.stdout.write(f"{count:16}  {kind:12}  {state:12}")
        columns = reencryption.due()
        if not columns:
            return "Every value has been looked at since the last rotation."
        return f"To be sealed anew, or looked at: {', '.join(map(str, columns))}."

    def _rotate(self, actor: Actor, owner: Owner, days: int | None) -> str:
        if days is not None:
            older_than = timedelta(days=days)
            return f"Rotated {rotation.rotate_old(actor=actor, older_than=older_than)} keys."
        key = rotation.rotate(actor=actor, owner=owner)
        return (
            f"The key {key.kid} seals from now on, in every process within a minute. Workers seal "
            "older values anew bit by bit; `keys reencrypt` does so at once."
        )

    def _reencrypt(self, actor: Actor, rows: int) -> str:
        moved = unreadable = 0
        while True:
            outcome = reencryption.reencrypt(actor=actor, rows=rows, told=self._tell)
            moved, unreadable = moved + outcome.moved, unreadable + outcome.unreadable
            if outcome.finished:
                break
            time.sleep(_BUSY_SECONDS)
        if unreadable:
            raise CommandError(f"{moved:,} values sealed anew; {unreadable:,} cannot be opened.")
        return f"{moved:,} values sealed anew."

    def _tell(self, column: SealedColumn, outcome: Outcome) -> None:
        self.stdout.write(f"{column}: {outcome.moved:,} sealed anew")

    def _check(self, sample: int | None) -> str:
        names = {key.kid: key.get_state_display() for key in DataKey.objects.all()}
        total: Counter[str] = Counter()
        broken: list[str] = []
        for finding in inspection.inspect(sample=sample):
            shown = [
                f"{count:,} under {kid} ({names.get(kid, 'a master key itself')})"
                for kid, count in sorted(finding.values.items())
            ]
            if finding.destroyed:
                shown.append(f"{finding.destroyed:,} gone with their destroyed keys")
            self.stdout.write(f"{finding.column}: {', '.join(shown) or 'nothing'}")
            broken += [f"{finding.column}, {example}" for example in finding.examples]
            total["opened"] += finding.values.total()
            total["unreadable"] += finding.unreadable
        if total["unreadable"]:
            raise CommandError(
                f"{total['unreadable']:,} values cannot be opened.\n  " + "\n  ".join(broken)
            )
        return f"{total['opened']:,} values opened, all of those that were looked at."

    def _destroy(self, actor: Actor, owner: Owner, *, sure: bool) -> str:
        if not sure:
            self.stdout.write(f"Everything that the keys of {owner} have sealed is lost for good.")
            if input("Type the owner again: ") != str(owner):
                raise CommandError("Nothing was destroyed.")
        count = rotation.destroy(actor=actor, owner=owner)
        return (
            f"Destroyed {count} keys of {owner}. Running processes forget them within a minute. "
            "Backups from before still hold them, wrapped: delete those, or let them run out."
        )
