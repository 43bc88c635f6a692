"""A signed note of the chain's head, kept outside the database: the file `audit_head.json` in
DATA_DIR of each machine that seals. Without it nobody would notice rows cut off at the end.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from core.audit import seals
from core.audit.models import AuditEntry
from core.keys.ring import data_keys

FILE = "audit_head.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The last row of the chain, as it was when the note was made."""

    sequence: int
    seal: str


class BadNote(Exception):
    """The note is not one that the platform made."""


def path() -> Path:
    """Where this machine keeps its note."""
    return Path(settings.DATA_DIR) / FILE


def read() -> Head | None:
    """The head that this machine has noted; None where it has not. Raises BadNote."""
    try:
        text = path().read_text()
    except FileNotFoundError:
        return None
    try:
        note = json.loads(text)
        head = Head(sequence=note["sequence"], seal=note["seal"])
        key = data_keys.audit_keys()[note["key_id"]]
        proof = seals.head(key, sequence=head.sequence, seal=head.seal, at=note["at"])
        genuine = seals.same(proof, note["mac"])
    except (ValueError, KeyError, TypeError):
        genuine = False
    if not genuine:
        raise BadNote(f"{path()} is not a note that this installation made.")
    return head


def write(head: Head) -> None:
    """Replaces this machine's note."""
    key_id, key = next(iter(data_keys.audit_keys().items()))
    at = datetime.now(UTC).isoformat()
    note = {
        "sequence": head.sequence,
        "seal": head.seal,
        "at": at,
        "key_id": key_id,
        "mac": seals.head(key, sequence=head.sequence, seal=head.seal, at=at),
    }
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{FILE}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(note) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def put_aside() -> Path | None:
    """Renames the note, so that a new one can be begun; where it lies now."""
    old = path()
    if not old.exists():
        return None
    aside = old.with_name(f"audit_head.{datetime.now(UTC):%Y%m%dT%H%M%S}.json")
    old.rename(aside)
    return aside


def holds(head: Head) -> bool:
    """Whether the chain has the row that a note tells of."""
    return AuditEntry.objects.filter(sequence=head.sequence, seal=head.seal).exists()
