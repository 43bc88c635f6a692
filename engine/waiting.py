"""Why a run does not move: facts about it and its surroundings -> causes, each with since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from core.errors import KeyUnavailable

# A step that is ready for less is on its way; so long a hop through the broker takes at most.
_ON_ITS_WAY = timedelta(seconds=2)
# A lease is renewed three times before it would run out: less than half left means that twice
# nobody did.
LEASE_KEPT = 0.5


class Cause(StrEnum):
    """What keeps a run where it is."""

    MOVING = "moving"
    PAUSED = "paused"
    PERSON = "person"
    BUDGET = "budget"
    RETRY_DELAY = "retry_delay"
    KEY_UNAVAILABLE = "key_unavailable"
    QUEUE_BACKLOG = "queue_backlog"
    NO_WORKER = "no_worker"
    DEAD_WORKER = "dead_worker"
    MESSAGE_LOST = "message_lost"
    BROKER_DOWN = "broker_down"
    DATABASE_SLOW = "database_slow"
    NOTHING_OPEN = "nothing_open"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One cause.

    Attributes:
        since: when it began, as far as is known.
        step_id: the step that it keeps; "" for the whole run.
        message: the cause in a sentence.
        details: what depends on the cause: `queue`, `messages`, `worker`, `until`, `steps` ...
    """

    cause: Cause
    since: datetime | None
    message: str
    step_id: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenStep:
    """A step that is ready, running or waiting.

    Attributes:
        since: when it entered its status.
        delayed_until: when its delay ends; lease_until: when its lease runs out; resent_at: when
            its message counts as lost.
        owner: who holds its lease.
        waiting_for: who or what, where it waits.
        stands_for: how many steps like it there are with it, of which only this one is told.
    """

    step_id: str
    status: str
    since: datetime
    queue: str
    attempt: int = 0
    error_code: str = ""
    delayed_until: datetime | None = None
    lease_until: datetime | None = None
    resent_at: datetime | None = None
    owner: str = ""
    waiting_for: str = ""
    stands_for: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """A queue and who serves it.

    Attributes:
        messages: in the broker.
        workers: seen lately and taking work.
        free: steps that these could still begin now.
        last_seen: when the last worker of the queue was seen; None for never.
    """

    messages: int
    workers: int
    free: int
    last_seen: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of a run that has not ended.

    Attributes:
        now: by the database's clock.
        steps: open ones; of a wide run some of each kind, which stand for the others.
        queues: None while the broker does not answer.
        blocked: statements on the platform's tables that have been at it for too long.
        blocked_since: when the oldest of them began.
        answer_seconds: what the database took to answer these questions.
    """

    now: datetime
    paused_since: datetime | None
    steps: Sequence[OpenStep]
    queues: Mapping[str, Queue] | None
    lease: timedelta
    blocked: int = 0
    blocked_since: datetime | None = None
    answer_seconds: float = 0.0


def explain(facts: Facts, *, slow_seconds: float) -> list[Reason]:
    """The causes, those of the surroundings first; of steps alike in their cause, the longest."""
    if facts.paused_since is not None:
        return [
            Reason(
                cause=Cause.PAUSED,
                since=facts.paused_since,
                message="The run is paused; somebody has to resume it.",
            )
        ]
    found = [*_surroundings(facts, slow_seconds)]
    alike: dict[tuple[Any, ...], list[tuple[Reason, int]]] = {}
    for step in sorted(facts.steps, key=lambda step: step.since):
        reason = _reason(step, facts)
        # What waits for somebody is told one by one, what waits in a queue together.
        own = () if "queue" in reason.details else (step.step_id,)
        alike.setdefault((reason.cause, reason.details.get("queue"), *own), []).append(
            (reason, step.stands_for)
        )
    for told in alike.values():
        first, count = told[0][0], sum(stands_for for _, stands_for in told)
        details = {**first.details, "steps": count} if count > 1 else first.details
        found.append(
            Reason(
                cause=first.cause,
                since=first.since,
                message=first.message,
                step_id=first.step_id,
                details=details,
            )
        )
    if not facts.steps:
        text = "No step is open; the reconciler looks for what was missed."
        found.append(Reason(cause=Cause.NOTHING_OPEN, since=None, message=text))
    return sorted(found, key=lambda reason: reason.cause == Cause.MOVING)


def _surroundings(facts: Facts, slow_seconds: float) -> Iterator[Reason]:
    if not facts.blocked and facts.answer_seconds < slow_seconds:
        return
    if facts.blocked:
        many = "statements have" if facts.blocked > 1 else "statement has"
        text = f"The database is slow: {facts.blocked} {many} been at work for too long."
    else:
        text = f"The database is slow: it took {facts.answer_seconds:.1f} s to answer."
    yield Reason(
        cause=Cause.DATABASE_SLOW,
        since=facts.blocked_since,
        message=text,
        details={"statements": facts.blocked, "answer_seconds": round(facts.answer_seconds, 3)},
    )


def _reason(step: OpenStep, facts: Facts) -> Reason:
    if step.status == "waiting" and step.waiting_for == "budget":
        text = (
            f"No AI budget has room for step '{step.step_id}'; it goes on by itself when a limit "
            "is raised, its day or month ends, or calls under way turn out cheaper."
        )
        return _told(Cause.BUDGET, step, text)
    if step.status == "waiting":
        return _told(Cause.PERSON, step, f"Step '{step.step_id}' waits for a person.")
    if step.status == "running":
        return _running(step, facts)
    return _ready(step, facts)


def _running(step: OpenStep, facts: Facts) -> Reason:
    left = (step.lease_until or facts.now) - facts.now
    if left >= facts.lease * LEASE_KEPT:
        text = f"Step '{step.step_id}' runs."
        return _told(Cause.MOVING, step, text, worker=step.owner)
    # The last renewal is the last thing that is known of the worker.
    return _told(
        Cause.DEAD_WORKER,
        step,
        f"The worker of step '{step.step_id}' gives no sign of life; its lease runs out.",
        since=(step.lease_until or facts.now) - facts.lease,
        worker=step.owner,
        until=step.lease_until,
    )


def _ready(step: OpenStep, facts: Facts) -> Reason:
    if step.delayed_until is not None and step.delayed_until > facts.now:
        until = step.delayed_until
        if step.error_code == KeyUnavailable.code:
            text = f"The encryption key is not available; step '{step.step_id}' is tried again."
            return _told(Cause.KEY_UNAVAILABLE, step, text, until=until)
        text = f"Step '{step.step_id}' failed with {step.error_code} and is tried again later."
        return _told(Cause.RETRY_DELAY, step, text, until=until, attempt=step.attempt)
    since = max(step.since, step.delayed_until or step.since)
    if facts.queues is None:
        text = "The broker does not answer; messages are sent when it does."
        return _told(Cause.BROKER_DOWN, step, text, since=since, queue=step.queue)
    queue = facts.queues.get(step.queue, Queue(messages=0, workers=0, free=0))
    if not queue.workers:
        return _told(
            Cause.NO_WORKER,
            step,
            f"No worker serves the queue '{step.queue}'.",
            since=max(since, queue.last_seen or since),
            queue=step.queue,
            messages=queue.messages,
            last_seen=queue.last_seen,
        )
    if step.delayed_until is not None and step.resent_at == step.delayed_until:
        text = f"Step '{step.step_id}' is due; the reconciler's next round sends it."
        return _told(Cause.MOVING, step, text, since=since, queue=step.queue)
    if facts.now - since < _ON_ITS_WAY:
        text = f"Step '{step.step_id}' is on its way to a worker."
        return _told(Cause.MOVING, step, text, since=since, queue=step.queue)
    if queue.messages or not queue.free:
        text = f"The workers of the queue '{step.queue}' are busy; the step has to queue."
        return _told(
            Cause.QUEUE_BACKLOG,
            step,
            text,
            since=since,
            queue=step.queue,
            messages=queue.messages,
            workers=queue.workers,
        )
    return _told(
        Cause.MESSAGE_LOST,
        step,
        "Its message was lost on the way; it is sent again.",
        since=since,
        queue=step.queue,
        until=step.resent_at,
    )


def _told(
    cause: Cause, step: OpenStep, message: str, *, since: datetime | None = None, **details: Any
) -> Reason:
    shown = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in details.items()
        if value is not None
    }
    return Reason(
        cause=cause,
        since=since or step.since,
        step_id=step.step_id,
        message=message,
        details=shown,
    )
