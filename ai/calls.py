"""What goes into a call of a language model beside the prompt, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID


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
    """

    agent_type: str
    user_id: UUID | None = None
    organisation_id: UUID | None = None
    workflow_id: UUID | None = None
    execution_id: UUID | None = None
    step_execution_id: UUID | None = None
    attempt: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A checked answer and what it took.

    Attributes:
        data: the parsed answer where the prompt had a schema.
        tokens: all tokens; None where not reported.
        cost_usd: None where the price is not known.
        calls: how many calls of a model it took; tokens and cost are those of all of them.
        cached: whether it was taken from the cache.
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
