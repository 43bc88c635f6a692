"""Segments -> Celery canvases of `engine.run_steps`, and their way to the broker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from celery import chain, chord, signature
from celery.canvas import Signature
from django.conf import settings
from kombu.exceptions import OperationalError

from engine import failpoints, metrics, plan
from engine.definition import WorkflowDefinition
from engine.plan import Chain, Segment, Task

logger = logging.getLogger(__name__)

# (run, its definition, positions that are ready): what brings ready steps to workers.
Send = Callable[[UUID, WorkflowDefinition, Collection[int]], None]

RUN_STEPS = "engine.run_steps"
INLINE_LIMIT = 60  # seconds, after which a message of cheap steps is killed with its process
_GRACE = 30  # seconds between a step's timeout and the end of its process


def build(execution_id: UUID, definition: WorkflowDefinition, segment: Segment) -> Signature[Any]:
    """The canvas of a segment: flat, immutable, and holding ids only."""
    if isinstance(segment, Chain):
        links = [
            _task(execution_id, definition, task, then=following)
            for task, following in zip(segment.tasks, [*segment.tasks[1:], None], strict=True)
        ]
        return chain(*links) if len(links) > 1 else links[0]
    header = [_task(execution_id, definition, task, then=segment.body) for task in segment.header]
    return chord(header, _task(execution_id, definition, segment.body, then=None))


def send(execution_id: UUID, definition: WorkflowDefinition, ready: Collection[int]) -> None:
    """Sends what carries these ready steps."""
    max_fused = plan.MAX_FUSED if settings.ENGINE_FUSE else 1
    with sending(execution_id):
        for segment in plan.next_segments(definition, ready, max_fused=max_fused):
            build(execution_id, definition, segment).apply_async()
            failpoints.reach("after_publish")


@contextmanager
def sending(execution_id: UUID | str) -> Iterator[None]:
    """A broker that is down delays what the block sends, no more."""
    try:
        yield
    except (OperationalError, OSError) as error:
        metrics.publish_errors.inc()
        logger.warning("run %s: sending failed, the reconciler will: %s", execution_id, error)


def _task(
    execution_id: UUID, definition: WorkflowDefinition, task: Task, *, then: Task | None
) -> Signature[Any]:
    steps = [definition.steps[n] for n in task.positions]
    limit = INLINE_LIMIT if all(s.inline for s in steps) else int(steps[0].timeout) + _GRACE
    return signature(
        RUN_STEPS,
        args=(str(execution_id), list(task.positions), then.positions[0] if then else None),
        immutable=True,
        ignore_result=True,  # else the sender subscribes to the result of each message
        queue=task.queue,
        time_limit=limit,
        argsrepr=f"run {execution_id}",  # else Celery writes out the arguments for each message
        kwargsrepr="{}",
    )
