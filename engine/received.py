"""What completed steps received, where no row stores it because it follows from other rows.

A step without effect whose configuration only names values (`WorkflowStep.input_derived`) stores
its output alone: docs/adr/0009. What it received is the same configuration, filled in with the
same values, which do not change any more.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine import contexts, definitions, registry
from engine.definition import InvalidDefinition
from engine.models import StepExecution, StepStatus, WorkflowExecution


def reads(
    run: WorkflowExecution, steps: Iterable[StepExecution]
) -> dict[StepExecution, frozenset[str]]:
    """Those of a run's steps whose row lacks what they received, with the ids of the steps that it
    follows from; none where the definition cannot be read any more.
    """
    lacking = [
        step
        for step in steps
        if step.status == StepStatus.COMPLETED and step.attempt and step.input_data is None
    ]
    try:
        definition = definitions.load(run.definition_version_id)
    except InvalidDefinition:
        return {}
    return {step: definition.steps[step.position].reads for step in lacking}


def fill_in(run: WorkflowExecution, steps: Iterable[StepExecution]) -> None:
    """Gives a run's steps the `input_data` that their rows lack.

    Raises:
        PlatformError: a value that it follows from cannot be read.
    """
    lacking = reads(run, steps)
    if not lacking:
        return
    definition = definitions.load(run.definition_version_id)
    known = contexts.read_outputs(run.id, definition, frozenset().union(*lacking.values()))
    executors = registry.executors()
    for row in lacking:
        step = definition.steps[row.position]
        context = contexts.step_context(row, run, definition, known=known)
        row.input_data = {"config": executors[step.step_type].resolve(step, context)}
