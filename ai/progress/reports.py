"""What an AI step tells of itself while it asks a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.conf import settings

from ai.calls import Caller
from ai.progress import publishing
from core.errors import PlatformError
from core.json import JsonObject

MAX_TEXT = 10_000
"""Characters of an answer under way that are shown; the whole answer is the step's output."""
_MAX_LOG = 20
_SECONDS = 0.3  # between two looks at the text: filtering costs more than receiving
_MAX_ID = 200


class Phase(StrEnum):
    """What an AI step is doing."""

    PREPARING = "preparing"
    WAITING_FOR_BUDGET = "waiting_for_budget"
    ASKING = "asking"
    RECEIVING = "receiving"
    WAITING_TO_RETRY = "waiting_to_retry"
    REPAIRING = "repairing"
    CALLING_TOOL = "calling_tool"
    ANSWERED = "answered"
    PARKED = "parked"
    FAILED = "failed"

    @property
    def ends(self) -> bool:
        """Whether nothing follows it in this attempt at the step."""
        return self in (Phase.ANSWERED, Phase.PARKED, Phase.FAILED)


class Report:
    """One attempt at one AI step. Used by the step's thread alone."""

    def __init__(self, *, step_id: str, caller: Caller) -> None:
        self.execution_id, self.step_execution_id = caller.execution_id, caller.step_execution_id
        self._pieces: list[str] = []
        self._show: Callable[[str], str] | None = None
        self._looked = 0.0
        now = _now()
        self._state: JsonObject = {
            "step_execution_id": str(caller.step_execution_id),
            "step_id": step_id[:_MAX_ID],
            "attempt": caller.attempt,
            "phase": Phase.PREPARING,
            "model": "",
            "call": 0,
            "characters": 0,
            "tokens": None,
            "text": "",
            "error": "",
            "tool": "",
            "log": [],
            "started_at": now,
            "updated_at": now,
            "sequence": 0,
        }

    @property
    def phase(self) -> Phase:
        return Phase(self._state["phase"])

    def tell(self, phase: Phase, **about: Any) -> None:
        """Notes a phase down and lets people know."""
        now = _now()
        if phase != self.phase or phase in (Phase.ASKING, Phase.CALLING_TOOL):
            entry = {"at": now, "phase": phase, **about}
            self._state["log"] = [*self._state["log"], entry][-_MAX_LOG:]
        self._state |= {"error": "", "tool": "", **about, "phase": phase, "updated_at": now}
        self._publish()

    def ask(self, *, model: str, call: int, show: Callable[[str], str] | None) -> None:
        """A call begins, whose answer replaces what came of the one before.

        Args:
            show: what of the text so far people may see; None: nothing of it.
        """
        self._pieces, self._show = [], show
        self._state |= {"characters": 0, "text": ""}
        self.tell(Phase.ASKING, model=model[:100], call=call)

    def receive(self, piece: str) -> None:
        """A piece of the answer has come."""
        held: int = self._state["characters"]
        self._state["characters"] = held + len(piece)
        if held < MAX_TEXT:
            self._pieces.append(piece)
        if time.monotonic() - self._looked < _SECONDS:
            return
        self._looked = time.monotonic()
        if self._show is not None and held < MAX_TEXT:
            self._state["text"] = self._show("".join(self._pieces))[:MAX_TEXT]
        self.tell(Phase.RECEIVING)

    def count(self, tokens: int | None) -> None:
        """How many tokens all calls have taken so far, where they tell."""
        self._state["tokens"] = tokens

    def _publish(self) -> None:
        self._state["sequence"] += 1
        publishing.put(
            self.execution_id, self.step_execution_id, dict(self._state), ended=self.phase.ends
        )


_current: ContextVar[Report | None] = ContextVar("ai_progress", default=None)


@contextmanager
def reporting(*, step_id: str, caller: Caller) -> Iterator[None]:
    """Tells of the step's questions for the time of the block; outside of a run nobody is told."""
    if caller.execution_id is None or caller.step_execution_id is None:
        yield
        return
    report = Report(step_id=step_id, caller=caller)
    token = _current.set(report)
    try:
        report.tell(Phase.PREPARING)
        yield
    except BaseException as error:
        code = error.code if isinstance(error, PlatformError) else "interrupted"
        report.tell(Phase.FAILED, error=code)
        raise
    else:
        if not report.phase.ends:
            report.tell(Phase.ANSWERED)
    finally:
        _current.reset(token)


def current() -> Report | None:
    """The report of the step that this thread is at; None where nobody is told."""
    return _current.get()


def tell(phase: Phase, **about: Any) -> None:
    """Notes a phase of the present step down, where somebody is told.

    Args:
        about: `error` (a code), `tool` (its name), `seconds`.
    """
    if (report := _current.get()) is not None:
        report.tell(phase, **about)


def listener() -> Callable[[str], None] | None:
    """What takes an answer piece by piece as it comes; None: ask for it whole."""
    report = _current.get()
    return report.receive if report is not None and settings.AI_STREAM else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
