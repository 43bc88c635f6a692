"""The data flow of a definition: who reads what, who comes before whom, who may be moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ai.optimisation import liveness
from ai.optimisation.liveness import Formula
from core.json import JsonObject
from engine import parsing, rules
from engine.definition import WorkflowDefinition, WorkflowStep
from engine.parsing import Executors
from engine.step import Effect

_FREE = {"none", "model"}
"""Effects of steps whose place nobody notices but by the time and the cost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """An expression that reads a step's result.

    Attributes:
        path: where it stands, such as `steps[2].config.prompt`.
        reader: id of the step that it belongs to; "" for the definition's outputs.
        source: the expression.
    """

    path: str
    reader: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """A valid definition and what follows from it.

    Attributes:
        document: the definition as JSON.
        effects: step id -> what it does besides giving an output.
        branches: step id -> the dependents that it chooses among.
        before: step id -> every step that has settled when it starts.
        reads: step id -> who reads its result.
        running: step id -> when it runs; None where that is too long to say.
    """

    document: JsonObject
    definition: WorkflowDefinition
    effects: dict[str, Effect]
    branches: dict[str, frozenset[str]]
    before: dict[str, frozenset[str]]
    reads: dict[str, list[Read]]
    running: dict[str, Formula] | None

    def raw(self, step_id: str) -> JsonObject:
        """The step as JSON."""
        raw: JsonObject = self.document["steps"][self.definition.index[step_id]]
        return raw

    def path(self, step_id: str) -> str:
        """Where the step stands in the document."""
        return f"steps[{self.definition.index[step_id]}]"

    def is_free(self, step_id: str) -> bool:
        """Whether the step may run earlier: it has no effect, guards nothing, chooses nothing."""
        return (
            self.effects[step_id] in _FREE
            and not self.branches[step_id]
            and self.definition.step(step_id).validation_rules is None
        )

    def is_exit(self, step_id: str) -> bool:
        """Whether the step's output is part of the run's results by its place."""
        return self.definition.outputs is None and step_id in self.definition.exit_points

    def may_change(self, step_id: str) -> bool:
        """Whether suggestions may touch the step."""
        return self.definition.ai_configurable and self.definition.step(step_id).ai_configurable


def trace(document: JsonObject, *, executors: Executors) -> Flow:
    """The data flow of a definition. Raises InvalidDefinition."""
    definition = parsing.parse(document, executors=executors)
    before: dict[str, frozenset[str]] = {}
    for position in definition.graph.order:
        step = definition.steps[position]
        found = set(step.dependencies)
        for other in step.dependencies:
            found |= before[other]
        before[step.id] = frozenset(found)
    branches = {
        step.id: frozenset(branch for _, branch in executors[step.step_type].branches(step))
        for step in definition.steps
    }
    reads: dict[str, list[Read]] = defaultdict(list)
    for read in _reads(definition, executors):
        for step_id in rules.step_references(read.source):
            reads[step_id].append(read)
    return Flow(
        document=document,
        definition=definition,
        effects={step.id: executors[step.step_type].effect(step) for step in definition.steps},
        branches=branches,
        before=before,
        reads=reads,
        running=liveness.formulas(definition, branches),
    )


def _reads(definition: WorkflowDefinition, executors: Executors) -> Iterator[Read]:
    for step in definition.steps:
        for place, source in _expressions(step, executors):
            path = f"steps[{step.position}].{place}"
            yield Read(path=path, reader=step.id, source=source)
    for name, source in (definition.outputs or {}).items():
        yield Read(path=rules.below("outputs", [name]), reader="", source=source)


def _expressions(step: WorkflowStep, executors: Executors) -> Iterator[tuple[str, str]]:
    executor = executors[step.step_type]
    for expression in executor.expressions(step):
        yield expression.path, expression.source
    for source in executor.get_required_inputs():
        yield "step_type", source
    if step.when is not None:
        yield "when", step.when
    for n, rule in enumerate((step.validation_rules or {}).get("rules", ())):
        yield f"validation_rules.rules[{n}].expr", rule["expr"]
