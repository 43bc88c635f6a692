"""A workflow's definition as values. `parsing.parse` makes them from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from core.errors import InvalidInput
from engine.context import JsonObject
from engine.graph import Graph
from engine.retry import RetryPolicy

MAX_STEPS = 100_000
MAX_BYTES = 8 * 1024 * 1024
DEFAULT_TIMEOUT = 3600.0  # seconds a step may take where it names no timeout

OnError = Literal["fail", "continue"]


class InvalidDefinition(InvalidInput):
    """The workflow definition is not valid."""

    code = "invalid_definition"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowStep:
    """One step of a definition: the documented fields and what the engine derives from them.

    Attributes:
        position: the step's number in the definition, which messages carry.
        config: the step type's own settings.
        dependencies: ids of the steps that it waits for.
        ai_generated, ai_prompt: whether AI wrote the step, and from which words.
        validation_rules: `{"schema": JSON Schema, "rules": [{"expr", "message"}]}` on its output.
        when: expression; false skips the step.
        timeout: seconds that one attempt may take.
        on_error: whether a failure fails the run or lets the dependents go on.
        reads: ids of the steps whose outputs its expressions read.
        inline: cheap enough to share a message with its neighbours.
        queue: the Celery queue that it runs on.
        input_derived: what it receives follows from the run's start and from what it reads, by
            copying alone, so that no row stores it; see `engine.received`.
        ai_configurable: whether AI and suggestions may change the step.
    """

    id: str
    name: str
    step_type: str
    description: str = ""
    config: JsonObject = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    ai_generated: bool = False
    ai_prompt: str | None = None
    validation_rules: JsonObject | None = None
    when: str | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: float = DEFAULT_TIMEOUT
    on_error: OnError = "fail"
    position: int = 0
    reads: frozenset[str] = frozenset()
    inline: bool = False
    queue: str = "default"
    input_derived: bool = False
    ai_configurable: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowDefinition:
    """A complete, valid definition.

    Attributes:
        entry_points, exit_points: ids of the graph's roots and sinks.
        inputs: JSON Schema of what a run is started with; None: anything.
        outputs: name -> expression of the run's results; None: the outputs of the exits.
        output_reads: ids of the steps that `outputs` reads.
        budget_usd: the most that the paid calls of a run may cost; None: no limit of its own.
        graph: the dependencies by position.
        index: step id -> position.
    """

    id: str
    name: str
    description: str
    version: str
    category: str
    steps: tuple[WorkflowStep, ...]
    entry_points: tuple[str, ...]
    exit_points: tuple[str, ...]
    ai_configurable: bool
    created_by: str
    created_at: str | None
    updated_at: str | None
    inputs: JsonObject | None
    outputs: Mapping[str, str] | None
    output_reads: frozenset[str]
    budget_usd: Decimal | None = None
    graph: Graph
    index: Mapping[str, int]

    def step(self, step_id: str) -> WorkflowStep:
        """The step of this id; KeyError where there is none."""
        return self.steps[self.index[step_id]]
