"""The one way in which the platform asks a language model: bounded, checked, measured, recorded."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from ai import metrics
from ai.errors import AIBadResponse, AIInvalidOutput, AIRefused, PromptTooLarge
from ai.invisible import strip_invisible
from ai.models import AIStepExecution
from ai.pricing import cost_usd
from ai.providers.base import Completion, Prompt, Provider
from ai.providers.offline import OfflineProvider
from ai.providers.openai import OpenAIProvider
from core.errors import PlatformError
from core.json import JsonObject, parse_json
from engine import validation

logger = logging.getLogger(__name__)

MAX_PROMPT_BYTES = 1024 * 1024
MAX_TEXT = 1_000_000  # characters of an answer
_CUT_OFF = "The answer was cut off at its limit of {} tokens."


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A checked answer and what it took.

    Attributes:
        data: the parsed answer where the prompt had a schema.
        tokens: all tokens; None where not reported.
        cost_usd: None where the price is not known.
    """

    text: str
    data: Any
    model: str
    provider: str
    notice: str
    tokens: int | None
    cost_usd: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """For whom a call is made.

    Attributes:
        agent_type: kind of use, as metrics show it.
        step_execution_id: the step's row; None outside of a run.
        attempt: the step's attempt.
    """

    agent_type: str
    step_execution_id: UUID | None = None
    attempt: int = 0


def provider() -> Provider:
    """The configured endpoint; without a key, the built-in provider that asks no model."""
    if settings.OPENAI_API_KEY:
        return OpenAIProvider(endpoint=settings.MODEL_ENDPOINT, api_key=settings.OPENAI_API_KEY)
    return OfflineProvider()


def new_prompt(
    text: str,
    *,
    system: str = "",
    schema: JsonObject | None = None,
    model: str | None = None,
    max_tokens: int | None = None,
    timeout: float,
) -> Prompt:
    """A prompt within the deployment's limits, free of characters that nobody sees.

    Args:
        max_tokens: at most AI_MAX_TOKENS, which is also the default.
        timeout: seconds; at most AI_TIMEOUT_SECONDS are taken.

    Raises:
        PromptTooLarge: text and system message together.
    """
    text, system = strip_invisible(text), strip_invisible(system)
    size = len(text.encode()) + len(system.encode())
    if size > MAX_PROMPT_BYTES:
        raise PromptTooLarge(
            f"The prompt has {size:,} bytes; at most {MAX_PROMPT_BYTES:,} are sent."
        )
    return Prompt(
        text=text,
        system=system,
        schema=schema,
        model=model or settings.AI_MODEL,
        max_tokens=min(max_tokens or settings.AI_MAX_TOKENS, settings.AI_MAX_TOKENS),
        temperature=settings.AI_TEMPERATURE,
        timeout=min(timeout, settings.AI_TIMEOUT_SECONDS),
    )


def ask(prompt: Prompt, *, caller: Caller, via: Provider | None = None) -> Answer:
    """Asks once and keeps a row of it in ai_step_executions, whether it succeeds or fails.

    Raises:
        AIError: the row says why.
    """
    via = via or provider()
    call = _Call(prompt, caller, via)
    try:
        completion = via.complete(prompt)
        completion = replace(completion, text=strip_invisible(completion.text[:MAX_TEXT]))
        call.answered(completion)
        data = _check(prompt, completion)
    except PlatformError as error:
        call.failed(error)
        raise
    finally:
        call.record()
    notice = completion.notice
    if completion.finish == "length":
        notice = " ".join(filter(None, (notice, _CUT_OFF.format(prompt.max_tokens))))
    return Answer(
        text=completion.text,
        data=data,
        model=completion.model,
        provider=via.name,
        notice=notice,
        tokens=call.row.tokens_used,
        cost_usd=call.row.exact_cost_usd,
    )


class _Call:
    """One call's row and figures, as far as they are known."""

    def __init__(self, prompt: Prompt, caller: Caller, via: Provider) -> None:
        self.started = time.monotonic()
        self.via = via
        self.row = AIStepExecution(
            step_execution_id=caller.step_execution_id,
            attempt=caller.attempt,
            agent_type=caller.agent_type,
            provider=via.name,
            ai_model=prompt.model[:100],
            system=prompt.system or None,
            prompt=prompt.text,
            response="",
            # What escapes every handler, such as the worker's stop, leaves a row that says so.
            error_code="interrupted",
        )

    def answered(self, completion: Completion) -> None:
        """Takes over the answer: also one that does not fit has cost something."""
        row = self.row
        row.ai_model = completion.model[:100]
        row.response = completion.text
        row.error_code = ""
        row.prompt_tokens = completion.prompt_tokens
        row.completion_tokens = completion.completion_tokens
        if completion.prompt_tokens is not None and completion.completion_tokens is not None:
            row.tokens_used = completion.prompt_tokens + completion.completion_tokens
        row.exact_cost_usd = self._cost(completion)
        row.cost_usd = row.exact_cost_usd

    def failed(self, error: PlatformError) -> None:
        """Takes over the reason; a failed call has no response."""
        self.row.response = ""
        self.row.error_code = error.code
        self.row.error_message = error.message

    def record(self) -> None:
        """Writes the row and counts the figures."""
        row = self.row
        elapsed = time.monotonic() - self.started
        row.execution_time_ms = round(elapsed * 1000)
        labels = (metrics.model_label(row.ai_model), row.agent_type)
        metrics.ai_request_duration.labels(*labels).observe(elapsed)
        metrics.ai_token_usage.labels(*labels).inc(row.tokens_used or 0)
        metrics.ai_request_cost.labels(*labels).inc(float(row.exact_cost_usd or 0))
        if row.error_code:
            metrics.ai_error_counter.labels(*labels, row.error_code).inc()
        try:
            self._insert()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            # The connection may have been cut while the model thought; the call is paid for.
            connection.close()
            self._insert()

    def _insert(self) -> None:
        # Once, even where the first try was committed and its answer lost.
        AIStepExecution.objects.bulk_create([self.row], ignore_conflicts=True)

    def _cost(self, completion: Completion) -> Decimal | None:
        if not self.via.endpoint:
            return Decimal(0)
        return cost_usd(
            model=completion.model,
            endpoint=self.via.endpoint,
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
            cached_tokens=completion.cached_tokens,
        )


def _check(prompt: Prompt, completion: Completion) -> Any:
    """The answer's data, or what is wrong with the answer."""
    if completion.finish == "refused":
        raise AIRefused(f"The model refused to answer: {completion.text[:500]}")
    cut_off = completion.finish == "length"
    if cut_off and (prompt.schema is not None or not completion.text):
        raise AIInvalidOutput(_CUT_OFF.format(prompt.max_tokens))
    if not completion.text:
        raise AIBadResponse("The AI endpoint's answer holds no text.")
    if prompt.schema is None:
        return None
    try:
        data = parse_json(completion.text.encode(), max_bytes=len(completion.text) * 4)
    except PlatformError as error:
        raise AIInvalidOutput(f"The answer is no JSON: {error.message}") from None
    problems = validation.check_value(data, schema=prompt.schema, path="data", name="data")
    if problems:
        raise AIInvalidOutput(problems=problems)
    return data
