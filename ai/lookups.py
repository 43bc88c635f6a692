"""Calls of tools that a model asks for: checked, bounded, and answered with data, never an error.

A function runs in a thread of its own, with a time limit and in a transaction that PostgreSQL lets
write nothing. A thread that takes too long is left alone: what it still gives goes nowhere.
"""

from __future__ import annotations

import contextvars
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, connections, transaction

from ai import metrics
from ai.calls import MAX_RECORDED, Caller, Lookup
from ai.progress import reports
from ai.progress.reports import Phase
from ai.providers.base import Prompt, Tool, ToolCall, Turn
from ai.safety.guard import Guard
from core import credentials, tracebacks
from core.errors import PlatformError, Problem
from core.http.redaction import Redactor
from core.json import JsonObject, parse_json
from engine import functions
from engine.context import RunOwner

logger = logging.getLogger(__name__)

MAX_CALLS = 8
"""Calls that one answer of a model may ask for; further ones are not made."""
MAX_ARGUMENTS = 20_000
MAX_RESULT = 20_000
MAX_RESULTS = 100_000
"""Characters of one call's arguments and result, and of all results of a question."""
_MAX_THREADS = 64  # of a process, with those that were left alone
_MAX_PROBLEMS = 20
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\([nrt])")

_GRACE_MS = 500
# A thread that is left alone keeps no connection.
_LIMITS = """
SELECT set_config('statement_timeout', %s, TRUE),
       set_config('idle_in_transaction_session_timeout', %s, TRUE)
"""

_threads = threading.BoundedSemaphore(_MAX_THREADS)


class Refused(Exception):
    """A call without a result: `code` for the record, and what the model is told."""

    def __init__(self, code: str, told: str) -> None:
        super().__init__(told)
        self.code = code
        self.told = told


class Toolbox:
    """The tools of one question, and what they have given so far."""

    def __init__(self, prompt: Prompt, caller: Caller, guard: Guard) -> None:
        self.rounds = 0
        self.lookups: list[Lookup] = []
        self._tools = {tool.name: tool for tool in prompt.tools}
        self._guard = guard
        self._room = MAX_RESULTS
        self._ids: set[str] = set()
        self._owner = RunOwner(
            user_id=caller.user_id,
            organisation_id=caller.organisation_id,
            workflow_id=caller.workflow_id,
            execution_id=caller.execution_id,
        )
        self._credentials: Redactor | None = None

    def answer(
        self, calls: Sequence[ToolCall], *, said: str, left: Callable[[], float]
    ) -> tuple[tuple[Turn, ...], list[Lookup]]:
        """What the calls give, as the conversation goes on, and what there is to record.

        Args:
            said: the text that the model wrote beside its calls.
            left: gives the seconds that are left for the question.
        """
        self.rounds += 1
        asked, answers, made = [], [], []
        for number, call in enumerate(calls):
            written, told, lookup = self._one(call, number=number, left=left)
            asked.append(written)
            answers.append(Turn("tool", told, answers=written.id))
            made.append(lookup)
        self.lookups += made
        return (Turn("assistant", said, calls=tuple(asked)), *answers), made

    def _one(
        self, call: ToolCall, *, number: int, left: Callable[[], float]
    ) -> tuple[ToolCall, str, Lookup]:
        """The call as it is sent back, its result as the model is told, and the record."""
        started = time.monotonic()
        tool = self._tools.get(call.name)
        name = tool.function if tool else call.name[:100]
        arguments, code, size = "{}", "", 0  # endpoints refuse arguments that are no JSON
        try:
            if number >= MAX_CALLS:
                raise Refused("too_many_calls", f"At most {MAX_CALLS} calls are made at once.")
            if tool is None:
                known = ", ".join(self._tools)
                raise Refused("unknown_tool", f"There is no such tool. There are: {known}.")
            arguments, given = self._arguments(call.arguments, tool.parameters)
            value = self._called(tool, given, left=left)
            told, size = self._bounded(value)
        except Refused as refused:
            code, told = refused.code, f"Error: {refused.told}"
        metrics.ai_tool_calls.labels(name if tool else "unknown", code or "answered").inc()
        lookup = Lookup(
            name=name,
            arguments=call.arguments[:MAX_RECORDED],
            characters=size,
            error=code,
            time_ms=round((time.monotonic() - started) * 1000),
        )
        sent_name = call.name if _NAME.fullmatch(call.name) else "unknown"
        sent = ToolCall(id=self._id(call.id), name=sent_name, arguments=arguments)
        return sent, self._guard.result(told, credentials=self._secrets()), lookup

    def _arguments(self, written: str, schema: JsonObject) -> tuple[str, JsonObject]:
        """The arguments as the model wrote them and, with the values in them, as JSON."""
        if len(written) > MAX_ARGUMENTS:
            raise Refused(
                "invalid_arguments", f"The arguments have more than {MAX_ARGUMENTS:,} characters."
            )
        text = written.strip() or "{}"
        if self._guard.tells(text):
            raise Refused("invalid_arguments", "The arguments repeat the system message.")
        try:
            found = parse_json(text.encode())
        except PlatformError as error:
            raise Refused(
                "invalid_arguments", f"The arguments are no JSON: {error.message}"
            ) from None
        if not isinstance(found, dict):
            raise Refused("invalid_arguments", "The arguments are no JSON object.")
        return text, self._guard.restored_data(found, schema=schema)

    def _called(self, tool: Tool, given: JsonObject, *, left: Callable[[], float]) -> JsonObject:
        problems = functions.argument_problems(tool.function, given)
        if problems:
            raise Refused("invalid_arguments", _listed("These arguments do not fit:", problems))
        if self._room <= 0:
            raise Refused("too_much", "The tools have given all that they may.")
        seconds = min(settings.AI_TOOL_SECONDS, left())
        if seconds <= 0:
            raise Refused("timeout", "There is no time left.")
        reports.tell(Phase.CALLING_TOOL, tool=tool.function)
        return _run(tool.function, given, owner=self._owner, seconds=seconds)

    def _bounded(self, value: JsonObject) -> tuple[str, int]:
        """The result as a text that is not too long, and how long it was."""
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            raise Refused("failed", "The tool gave what is no JSON.") from None
        # With real line ends: what stands behind `\n` would begin with an n.
        text = _ESCAPED.sub(
            lambda found: found[1] + {"n": "\n", "t": "\t"}.get(found[2], " "), text
        )
        most = min(MAX_RESULT, self._room)
        self._room -= min(len(text), most)
        if len(text) <= most:
            return text, len(text)
        return f"{text[:most]}\n(cut off: {len(text):,} characters in all)", len(text)

    def _secrets(self) -> Redactor:
        if self._credentials is None:
            owner = self._owner.organisation_id
            self._credentials = credentials.redactor(owner) if owner else Redactor(())
        return self._credentials

    def _id(self, given: str) -> str:
        """The model's own id of a call; another where it is none, or was given before."""
        number = len(self._ids)
        found = given if _ID.fullmatch(given) else f"call{number:05d}"
        while found in self._ids:
            number += 1
            found = f"call{number:05d}"
        self._ids.add(found)
        return found


def _run(name: str, arguments: JsonObject, *, owner: RunOwner, seconds: float) -> JsonObject:
    """The function's result. Raises Refused."""
    if not _threads.acquire(timeout=seconds):
        raise Refused("busy", "Too many tools are at work. Try again later.")
    came: list[JsonObject | BaseException] = []

    def work() -> None:
        try:
            with _reading(seconds):
                came.append(functions.call(name, arguments, owner=owner))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            came.append(error)
        finally:
            connections.close_all()  # this thread's
            _threads.release()

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name=f"tool {name}", daemon=True)
    thread.start()
    thread.join(seconds)
    if not came:
        raise Refused("timeout", f"The tool took longer than {seconds:g} s.")
    match came[0]:
        case functions.InvalidArguments() as error:
            raise Refused("invalid_arguments", _listed(error.message, error.problems))
        case PlatformError() as error:
            raise Refused("failed", _listed(error.message, error.problems))
        case BaseException() as error:
            # Its own words may hold what neither the model nor a log must be shown.
            logger.warning("tool %s raised %s", name, tracebacks.places(error))
            raise Refused("failed", "The tool failed.")
        case value:
            return value


@contextmanager
def _reading(seconds: float) -> Iterator[None]:
    """A transaction in which nothing is written, and which PostgreSQL ends soon after the time."""
    limit = max(1, round(seconds * 1000))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(_LIMITS, [str(limit), str(limit + _GRACE_MS)])
        yield


def _listed(message: str, problems: Sequence[Problem]) -> str:
    listed = [f"- {problem.path}: {problem.message}" for problem in problems[:_MAX_PROBLEMS]]
    return "\n".join((message, *listed))
