"""EFFECT: a step with an effect outside, as a call of somebody's API would be."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.registry import register
from engine.step import WorkflowStepExecutor

FOLDER = "FAULTS_EFFECTS"


@register
class EffectExecutor(WorkflowStepExecutor):
    """Appends a line to the run's file, then takes its time, and may kill its own process."""

    step_type = "EFFECT"
    description = "Has an effect outside."
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "seconds": {"type": "number"},
            "bytes": {"type": "integer"},
            "deadly_attempts": {"type": "integer"},
        },
        "additionalProperties": False,
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        attempt, config = int(context.metadata["attempt"]), step.config
        key = context.metadata["idempotency_key"]
        path = Path(os.environ[FOLDER]) / str(context.metadata["execution_id"])
        with path.open("a") as file:
            file.write(f"{step.id} {attempt} {key}\n")
        time.sleep(config.get("seconds", 0))
        if attempt <= config.get("deadly_attempts", 0):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"step": step.id, "fill": "x" * config.get("bytes", 0)}

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return True

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return ["step", "fill"]

    def is_inline(self, step: WorkflowStep) -> bool:
        return not step.config.get("seconds") and not step.config.get("deadly_attempts")
