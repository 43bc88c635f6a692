"""Writing the audit log: one insert, in the transaction of the action that it tells of.

Where something changes::

    with audit.action(by_request(request), "workflow.update", workflow) as entry:
        workflow = update_workflow(...)
        entry.tell(version=workflow.latest)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, models, transaction

from core.audit import seals
from core.audit.actors import Actor
from core.audit.models import AuditEntry, Outcome
from core.errors import PlatformError
from core.ids import lowest_uuid7
from core.keys.ring import data_keys
from core.models import Organisation

logger = logging.getLogger(__name__)

PAYLOAD_READ = "payload.read"
READ_AGAIN = timedelta(minutes=1)

_MAX_TEXT = 500
_MAX_ITEMS = 100
_MAX_ID = 255
_TOLD_REFUSALS = (403, 409)

Target = models.Model | tuple[type[models.Model] | str, object] | None


@dataclass(kw_only=True, slots=True)
class Telling:
    """How many rows were written, and whether an `action` is about to write its own."""

    rows: int = 0
    busy: bool = False


_telling: ContextVar[Telling | None] = ContextVar("telling", default=None)


@dataclass(kw_only=True, slots=True)
class Action:
    """What is being done. Its row is written when the block ends, unless `drop` was called."""

    actor: Actor
    name: str
    target: Target = None
    organisation_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.DONE
    dropped: bool = False

    def on(self, target: Target, *, organisation_id: UUID | None = None) -> None:
        """Says which object it is about, where that is known only now."""
        self.target = target
        self.organisation_id = organisation_id or self.organisation_id

    def tell(self, /, **details: Any) -> None:
        """Adds details: neither payloads nor secrets."""
        self.details |= details

    def refuse(self) -> None:
        """The object's state did not allow it."""
        self.outcome = Outcome.REFUSED

    def drop(self) -> None:
        """Nothing was done that is worth a row."""
        self.dropped = True

    def write(self) -> None:
        """Writes its row now."""
        record(
            self.actor,
            self.name,
            self.target,
            organisation_id=self.organisation_id,
            outcome=self.outcome,
            **self.details,
        )


@contextmanager
def action(
    actor: Actor,
    name: str,
    target: Target = None,
    /,
    *,
    organisation_id: UUID | None = None,
    **details: Any,
) -> Iterator[Action]:
    """Does what the block does in one transaction with the row that tells of it.

    What fails leaves a row of its own: that it was refused (forbidden, in conflict with the
    object's state) or that it failed. Input that is simply wrong leaves none.

    Args:
        name: `<noun>.<verb>`, as in `workflow.create`.
        target: a row, or a model (or another kind) with an id.
    """
    done = Action(
        actor=actor, name=name, target=target, organisation_id=organisation_id, details=details
    )
    try:
        with transaction.atomic(), telling(busy=True):
            yield done
            if not done.dropped:
                done.write()
    except PlatformError as error:
        if error.status in _TOLD_REFUSALS or error.status >= 500:
            _tell_failure(done, Outcome.REFUSED if error.status < 500 else Outcome.FAILED, error)
        raise
    except Exception as error:
        _tell_failure(done, Outcome.FAILED, error)
        raise


@contextmanager
def telling(*, busy: bool = False) -> Iterator[Telling]:
    """Counts the rows that the block writes."""
    outer = _telling.get()
    inner = Telling(busy=busy)
    token = _telling.set(inner)
    try:
        yield inner
    finally:
        _telling.reset(token)
        if outer is not None:
            outer.rows += inner.rows


def is_told() -> bool:
    """Whether an `action` is under way, whose row says what is done in it."""
    told = _telling.get()
    return told is not None and told.busy


def record(
    actor: Actor,
    name: str,
    target: Target = None,
    /,
    *,
    organisation_id: UUID | None = None,
    outcome: Outcome = Outcome.DONE,
    **details: Any,
) -> None:
    """Writes one row, in the transaction that is open."""
    key_id, key = next(iter(data_keys.audit_keys().items()))
    kind, object_id = _named(target)
    if organisation_id is None and isinstance(target, models.Model):
        organisation_id = getattr(target, "organisation_id", None)
    entry = AuditEntry(
        at=datetime.now(UTC),
        action=name,
        object_kind=kind,
        object_id=object_id,
        organisation_id=organisation_id or _organisation_of(target),
        outcome=outcome.value,
        details=_plain(details),
        key_id=key_id,
        **{name: _cut(value) for name, value in asdict(actor).items()},
    )
    entry.via = actor.via.value
    entry.mac = seals.mac(key, entry)
    entry.save(force_insert=True)
    if told := _telling.get():
        told.rows += 1


def record_reading(
    actor: Actor, target: Target, /, *, organisation_id: UUID | None = None, **details: Any
) -> None:
    """Writes that somebody read an object's payload, decrypted; once a minute while they go on."""
    kind, object_id = _named(target)
    again = AuditEntry.objects.filter(
        action=PAYLOAD_READ,
        object_kind=kind,
        object_id=object_id,
        user_id=actor.user_id,
        credential=actor.credential,
        details=_plain(details),
        id__gte=lowest_uuid7(datetime.now(UTC) - READ_AGAIN),
    )
    if not again.exists():
        record(actor, PAYLOAD_READ, target, organisation_id=organisation_id, **details)


def _tell_failure(done: Action, outcome: Outcome, error: Exception) -> None:
    done.outcome = outcome
    done.tell(error=getattr(error, "code", type(error).__name__))
    try:
        with transaction.atomic():
            done.write()
    except DatabaseError:
        logger.exception("The audit log could not tell that %s was %s.", done.name, outcome.value)


def _named(target: Target) -> tuple[str, str]:
    match target:
        case None:
            return "", ""
        case models.Model():
            return target._meta.label_lower, str(target.pk)[:_MAX_ID]
        case (kind, pk):
            return kind if isinstance(kind, str) else kind._meta.label_lower, _cut(str(pk))[
                :_MAX_ID
            ]


def _organisation_of(target: Target) -> UUID | None:
    if isinstance(target, Organisation):
        return target.pk
    found: UUID | None = getattr(target, "organisation_id", None)
    return found


def _cut(value: Any) -> Any:
    # NUL and lone surrogates would be refused by the column.
    if not isinstance(value, str):
        return value
    clean = value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= _MAX_TEXT else clean[:_MAX_TEXT] + "…"


def _plain(value: Any) -> Any:
    """JSON that PostgreSQL gives back as it was, of a bounded size; anything odd as its text."""
    match value:
        case None | bool():
            return value
        case int():
            return value
        case Mapping():
            return {_cut(str(key)): _plain(item) for key, item in list(value.items())[:_MAX_ITEMS]}
        case str():
            return _cut(value)
        case Sequence() | set() | frozenset():
            return [_plain(item) for item in list(value)[:_MAX_ITEMS]]
        case _:
            return _cut(str(value))
