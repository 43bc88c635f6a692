"""One question to a model until its answer fits: retries, weaker modes, repairs, all bounded."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings

from ai import tracing
from ai.attempts import Attempt
from ai.budgets.reservations import reserved
from ai.calls import Answer, Caller
from ai.errors import (
    AICutOff,
    AIError,
    AIFormatUnsupported,
    AIInvalidOutput,
    AINoJson,
    AITimeout,
)
from ai.invisible import strip_invisible, unescape_json
from ai.lookups import Toolbox
from ai.parsing import CUT_OFF, AIResponseParser
from ai.progress import reports
from ai.progress.reports import Phase
from ai.providers.base import Completion, Mode, Prompt, Provider, ToolCall
from ai.safety.filters import MAX_ANSWER, ResponseValidator
from ai.safety.guard import Guard
from ai.structure import Modes, in_mode, repaired, weaker
from core.json import JsonObject
from engine.retry import RetryPolicy, decide

_MAX_WAIT = 60.0  # seconds that an endpoint may ask to wait
_LEAST_SECONDS = 0.05  # in which no call is worth beginning

_parser = AIResponseParser()
_validator = ResponseValidator()
_modes = Modes()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reply:
    """What one call gave: the answer, or the tools that the model asks for first."""

    attempt: Attempt
    completion: Completion
    data: Any


class Question:
    """Who asks, by when, and what the calls have taken so far. Models are asked one by one."""

    def __init__(self, caller: Caller, via: Provider, *, guard: Guard, within: float) -> None:
        self.caller = caller
        self.guard = guard
        self.via = via
        self.ends = time.monotonic() + within
        self.calls = 0
        self.tokens: int | None = None
        self.cost_usd: Decimal | None = Decimal(0)
        self.toolbox = Toolbox(guard.prompt, caller, guard)
        self.last = ""  # what the last call answered, also where that does not fit

    @property
    def left(self) -> float:
        """Seconds that are left for further calls."""
        return self.ends - time.monotonic()

    @property
    def worthwhile(self) -> bool:
        """Whether there is time for another call."""
        return self.left > _LEAST_SECONDS

    def take(self, prompt: Prompt, found: JsonObject) -> Answer:
        """The answer that the cache holds, which is a row too."""
        with Attempt(prompt, self.caller, self.via, number=self.calls + 1) as attempt:
            attempt.cached(model=found["model"], response=found["text"])
        return Answer(
            text=found["text"],
            data=found["data"],
            model=found["model"],
            provider=self.via.name,
            notice="",
            tokens=self.tokens or 0,
            cost_usd=self.cost_usd,
            calls=self.calls,
            cached=True,
        )

    def ask(self, prompt: Prompt) -> Answer:
        """The answer of the prompt's model; one that does not fit its schema goes back to it.

        Raises:
            AIError: what was wrong lastly.
        """
        mode: Mode = _modes.of(self.via.endpoint, prompt.model)
        repairs = 0
        while True:
            try:
                reply = self._answer(in_mode(prompt, mode))
            except AIFormatUnsupported:
                less = weaker(mode)
                if prompt.schema is None or less is None:
                    raise
                mode = less
            except AICutOff:
                raise
            except AIInvalidOutput as error:
                if repairs >= settings.AI_REPAIRS or not self.worthwhile:
                    raise
                repairs += 1
                reports.tell(Phase.REPAIRING, error=error.code)
                if isinstance(error, AINoJson):
                    # Some endpoints pass over what they do not know.
                    mode = weaker(mode) or mode
                prompt = repaired(
                    prompt, answer=self.last, message=error.message, problems=error.problems
                )
            else:
                if reply.completion.calls:
                    prompt = self._looked_up(prompt, reply)
                    continue
                if prompt.schema is not None and self.via.endpoint:
                    _modes.remember(self.via.endpoint, prompt.model, mode)
                return self._told(prompt, reply)

    def _looked_up(self, prompt: Prompt, reply: _Reply) -> Prompt:
        """The prompt with what the tools gave that the model asked for.

        Raises:
            AITimeout: which leaves no time to tell it.
        """
        turns, lookups = self.toolbox.answer(
            reply.completion.calls, said=reply.completion.text, left=lambda: self.left
        )
        reply.attempt.looked_up(lookups)
        if not self.worthwhile:
            raise AITimeout("The tools left the model no time to answer.")
        return replace(prompt, turns=(*prompt.turns, *turns))

    def _answer(self, prompt: Prompt) -> _Reply:
        """Calls until the endpoint answers; waits between the calls."""
        policy = RetryPolicy(
            max_attempts=1 + settings.AI_RETRIES,
            delay=settings.AI_RETRY_DELAY,
            max_delay=settings.AI_RETRY_DELAY * 16,
            jitter=0.5,
        )
        failures = 0
        while True:
            try:
                return self._call(prompt)
            except AITimeout:
                raise  # the next would take as long
            except AIError as error:
                failures += 1
                chance = random.random()  # noqa: S311 # nosec B311 # jitter
                decision = decide(error=error, failures=failures, policy=policy, random=chance)
                wait = decision.delay_seconds
                if error.asked_wait is not None:
                    wait += error.asked_wait
                if not decision.retry or wait > min(_MAX_WAIT, self.left - _LEAST_SECONDS):
                    raise
                reports.tell(Phase.WAITING_TO_RETRY, error=error.code, seconds=round(wait, 1))
            time.sleep(wait)

    def _call(self, prompt: Prompt) -> _Reply:
        """One call of one model: one row."""
        self.last = ""
        prompt = replace(prompt, closed=self.toolbox.rounds >= prompt.tool_rounds)
        prompt = self._within(prompt)
        number = self.calls + 1
        with reserved(prompt, caller=self.caller, via=self.via, number=number) as reservation:
            prompt = self._within(prompt)  # other calls may have had to settle first
            self.calls = number
            pk = None if reservation is None else reservation.id
            attempt = Attempt(prompt, self.caller, self.via, number=number, pk=pk)
            if (report := reports.current()) is not None:
                # What is to fit a schema is checked as a whole only: nothing of it is shown before.
                show = self.guard.partial if prompt.schema is None else None
                report.ask(model=prompt.model, call=self.calls, show=show)
            with tracing.span(prompt, self.caller, self.via) as span:
                try:
                    with attempt:
                        completion = self.via.complete(prompt)
                        completion = self._bounded(completion, data=prompt.schema is not None)
                        attempt.answered(completion)
                        text = self.guard.filtered(completion.text)
                        self.last = attempt.row.response = text
                        completion = replace(completion, text=text)
                        data = _parser.parse(prompt, completion, guard=self.guard)
                finally:
                    # Behind the row: if the worker is lost between them, the row has the cost.
                    if reservation is not None and attempt.completion is not None:
                        reservation.settle(attempt.row.exact_cost_usd)
                    self._add(attempt)
                    tracing.tell(span, attempt.row, attempt.completion)
        return _Reply(attempt=attempt, completion=completion, data=data)

    def _told(self, prompt: Prompt, reply: _Reply) -> Answer:
        completion = reply.completion
        return Answer(
            text=completion.text,
            data=reply.data,
            model=completion.model,
            provider=self.via.name,
            notice=_notice(prompt, completion),
            tokens=self.tokens,
            cost_usd=self.cost_usd,
            calls=self.calls,
            lookups=tuple(self.toolbox.lookups),
        )

    def _bounded(self, completion: Completion, *, data: bool) -> Completion:
        """What came, without characters that nobody sees, and calls without the marks.

        Args:
            data: whether JSON was asked for, whose escapes hide nothing then.
        """
        text = unescape_json(completion.text[:MAX_ANSWER]) if data else completion.text
        calls = tuple(
            ToolCall(
                id=call.id,
                name=strip_invisible(call.name),
                arguments=self.guard.unmarked(strip_invisible(call.arguments)),
            )
            for call in completion.calls
        )
        return replace(completion, text=_validator.bounded(text), calls=calls)

    def _within(self, prompt: Prompt) -> Prompt:
        """The prompt with no more time than is left."""
        return replace(prompt, timeout=max(_LEAST_SECONDS, min(prompt.timeout, self.left)))

    def _add(self, attempt: Attempt) -> None:
        row = attempt.row
        if row.tokens_used is not None:
            self.tokens = (self.tokens or 0) + row.tokens_used
        if (report := reports.current()) is not None:
            report.count(self.tokens)
        if attempt.completion is not None:  # calls without an answer cost nothing that is known
            costs = self.cost_usd, row.exact_cost_usd
            self.cost_usd = None if None in costs else sum(filter(None, costs), Decimal(0))


def _notice(prompt: Prompt, completion: Completion) -> str:
    cut_off = CUT_OFF.format(prompt.max_tokens) if completion.finish == "length" else ""
    return " ".join(filter(None, (completion.notice, cut_off)))
