"""What a step sees of its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

JsonObject = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowContext:
    """The documented context: who runs, in which session, on what data.

    For a run that starts, `data` is the object of its inputs. For a step, `data` holds `inputs`,
    `steps` (those it reads, as `{id: {"status": .., "output": ..}}`) and `run` (facts of the run):
    the variables of its expressions. `metadata` holds the identifiers of a step's call
    (`execution_id`, `step_execution_id`, `attempt`, `idempotency_key`), which never reach
    expressions.
    """

    user_id: str
    session_id: str
    data: JsonObject
    metadata: JsonObject = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime

    @property
    def inputs(self) -> JsonObject:
        """What the run was started with."""
        inputs: JsonObject = self.data["inputs"]
        return inputs

    def output(self, step_id: str) -> JsonObject:
        """The output of a step that this one reads; empty where it was skipped."""
        output: JsonObject = self.data["steps"].get(step_id, {}).get("output", {})
        return output


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOwner:
    """For whom a function is called. None where it is called outside of a run.

    Attributes:
        user_id: who started the run, or tries the step.
        organisation_id: whose workflow it is.
    """

    user_id: UUID | None = None
    organisation_id: UUID | None = None
    workflow_id: UUID | None = None
    execution_id: UUID | None = None


def step_data(
    *, inputs: JsonObject, outputs: Mapping[str, JsonObject], run: JsonObject
) -> JsonObject:
    """A step's `data` from the run's inputs, the steps that it reads and facts of the run."""
    return {"inputs": inputs, "steps": dict(outputs), "run": run}
