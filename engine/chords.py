"""Chords that PostgreSQL counts: the body goes out when the row of the join has become ready."""

from __future__ import annotations

from typing import Any

from celery import states
from celery.backends.base import DisabledBackend
from celery.canvas import signature

from engine import canvas


class RowsBackend(DisabledBackend):
    """The result backend of tasks whose results are rows: it keeps nothing itself.

    A task of a chord's header returns whether the join has become ready by it, which is known from
    the statement that settled its last step; Celery's own backends would count again in Redis, and
    forget with it. Where that task dies before it sends the body, the reconciler does.
    """

    def ensure_chords_allowed(self) -> None:
        """They are."""

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        """Needs nothing: every message of the header carries the body."""

    def on_chord_part_return(self, request: Any, state: str, result: Any, **kwargs: Any) -> None:
        """Sends the body where this task was the one that made the join ready."""
        if state == states.SUCCESS and result is True:
            body = signature(request.chord)
            with canvas.sending(body.args[0]):
                body.apply_async()
