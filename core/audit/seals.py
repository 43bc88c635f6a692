"""The chain's arithmetic.

A row's MAC, given by its writer, covers what it says. A row's seal, given by the sealer, covers
its MAC, its place and the seal of the row before. Both are HMAC-SHA256 in hexadecimal.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from hashlib import sha256

from core.audit.models import AuditEntry

FIRST = "0" * 64
"""What stands for the seal before the first row."""


def mac(key: bytes, entry: AuditEntry) -> str:
    """What proves that the platform wrote the row, and that it has not changed since."""
    parts = (
        entry.id,
        entry.at.isoformat(),
        entry.via,
        entry.user_id,
        entry.username,
        entry.credential,
        entry.request_id,
        entry.address,
        entry.action,
        entry.object_kind,
        entry.object_id,
        entry.organisation_id,
        entry.outcome,
        entry.details,
        entry.key_id,
    )
    return _digest(key, "row", parts)


def seal(key: bytes, *, previous: str, sequence: int, row: str) -> str:
    """What ties the row with the MAC `row` to its place in the chain."""
    return _digest(key, "chain", (previous, sequence, row))


def head(key: bytes, *, sequence: int, seal: str, at: str) -> str:
    """What proves that a note of the chain's head is the platform's."""
    return _digest(key, "head", (sequence, seal, at))


def same(one: str | None, other: str | None) -> bool:
    """Whether two digests are equal."""
    return hmac.compare_digest(one or "", other or "")


def _digest(key: bytes, purpose: str, parts: Iterable[object]) -> str:
    # JSON keeps the parts apart: no two rows have one text.
    text = json.dumps([purpose, *parts], sort_keys=True, separators=(",", ":"), default=str)
    return hmac.new(key, text.encode(), sha256).hexdigest()
