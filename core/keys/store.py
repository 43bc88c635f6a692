"""The rows of data keys, read and made over a connection of its own.

Whoever seals or opens may be in a transaction that is broken, that sees an old snapshot, or that is
rolled back later, which must not take a key with it that has sealed values already.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.encryption import KEY_BYTES, Owner
from core.keys import providers

ACTIVE, DESTROYED = "active", "destroyed"

_COLUMNS = "SELECT kid, owner_kind, owner_id, state, provider, wrapped FROM workflow_data_keys"
_INSERT = """
INSERT INTO workflow_data_keys (kid, owner_kind, owner_id, provider, wrapped, state)
SELECT %s, %s, %s, %s, %s, 'active'
 WHERE NOT EXISTS (SELECT 1 FROM workflow_data_keys
                    WHERE owner_kind = %s AND owner_id IS NOT DISTINCT FROM %s)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """A row of a data key; `wrapped` is empty where it was destroyed."""

    kid: str
    owner: Owner
    state: str
    provider: str
    wrapped: str = field(repr=False)

    def unwrap(self) -> bytes:
        """The key itself. Raises KeyUnavailable where its provider cannot open it now."""
        bound_to = binding(self.kid, self.owner)
        return providers.provider(self.provider).unwrap(self.wrapped, bound_to=bound_to)


def binding(kid: str, owner: Owner) -> str:
    """What a wrapped key is bound to: it opens in no other row, and for no other owner."""
    return f"workflow_data_keys|{kid}|{owner}"


def new_key(owner: Owner, *, kid: str = "", key: bytes = b"") -> StoredKey:
    """A fresh key (or this one), wrapped by the provider of today and not stored yet."""
    kid, name = kid or token_hex(8), providers.current_name()
    if not _rows(f"{_COLUMNS} LIMIT 1", []):
        providers.make_master_key()
    wrapped = providers.provider(name).wrap(
        key or os.urandom(KEY_BYTES), bound_to=binding(kid, owner)
    )
    return StoredKey(kid=kid, owner=owner, state=ACTIVE, provider=name, wrapped=wrapped)


def find(kid: str) -> StoredKey | None:
    """The key of that name."""
    return next(iter(_rows(f"{_COLUMNS} WHERE kid = %s", [kid])), None)


def of_owner(owner: Owner, make: Callable[[Owner], StoredKey] = new_key) -> list[StoredKey]:
    """The owner's keys, the newest first; where it never had any, the one that `make` gives."""
    query = (
        f"{_COLUMNS} WHERE owner_kind = %s AND owner_id IS NOT DISTINCT FROM %s "
        "ORDER BY state <> 'active', created_at DESC"
    )
    found = _rows(query, [*owner])
    if not found:
        key = make(owner)
        with _own_connection() as own, own.cursor() as cursor:
            cursor.execute(_INSERT, [key.kid, *owner, key.provider, key.wrapped, *owner])
        found = _rows(query, [*owner])  # another process may have been first
    return found


def known(kids: Collection[str], owners: Collection[Owner]) -> list[StoredKey]:
    """These keys as they are now, and the active ones of these owners."""
    return _rows(
        f"{_COLUMNS} WHERE kid = ANY(%s) OR (state = 'active' AND "
        "(owner_kind = 'installation' OR owner_id = ANY(%s)))",
        [list(kids), [owner.id for owner in owners if owner.id is not None]],
    )


def _rows(query: str, parameters: list[Any]) -> list[StoredKey]:
    with _own_connection() as own, own.cursor() as cursor:
        cursor.execute(query, parameters)
        return [
            StoredKey(
                kid=kid, owner=Owner(kind, pk), state=state, provider=provider, wrapped=wrapped
            )
            for kid, kind, pk, state, provider, wrapped in cursor.fetchall()
        ]


@contextmanager
def _own_connection() -> Iterator[BaseDatabaseWrapper]:
    shared = connections[DEFAULT_DB_ALIAS]
    options = {name: v for name, v in shared.settings_dict["OPTIONS"].items() if name != "pool"}
    own = type(shared)({**shared.settings_dict, "OPTIONS": options}, DEFAULT_DB_ALIAS)
    try:
        yield own
    finally:
        own.close()
