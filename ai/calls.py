"""What goes into a call of a language model beside the prompt, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

MAX_RECORDED = 2_000
"""Characters of the arguments of a tool's call that are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """For whom a call is made. Ids are None where there is no such thing.

    Attributes:
        agent_type: kind of use, as metrics show it.
        user_id: whose run, or whose request, asks.
        organisation_id: whose data is sent, and who pays.
        workflow_id, execution_id: of the run.
        step_execution_id: the step's row.
        attempt: the step's attempt, from 1; 0 outside of a run.
        run_limit_usd: the most that all calls of the run may cost, by its definition.
    """

    agent_type: str
    user_id: UUID | None = None
    organisation_id: UUID | None = None
    workflow_id: UUID | None = None
    execution_id: UUID | None = None
    step_execution_id: UUID | None = None
    attempt: int = 0
    run_limit_usd: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookup:
    """One call that a model asked for.

    Attributes:
        name: the function's; what the model wrote where there is no such tool.
        arguments: as the model wrote them, with placeholders.
        characters: of the result, before it was shortened.
        error: why there is no result; "" where there is one.
    """

    name: str
    arguments: str
    characters: int = 0
    error: str = ""
    time_ms: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A checked answer and what it took.

    Attributes:
        data: the parsed answer where the prompt had a schema.
        tokens: all tokens; None where not reported.
        cost_usd: None where the price is not known.
        calls: how many calls of a model it took; tokens and cost are those of all of them.
        cached: whether it was taken from the cache.
        lookups: the tools that were asked for on the way to it.
    """

    text: str
    data: Any
    model: str
    provider: str
    notice: str
    tokens: int | None
    cost_usd: Decimal | None
    calls: int = 1
    cached: bool = False
    lookups: tuple[Lookup, ...] = ()
