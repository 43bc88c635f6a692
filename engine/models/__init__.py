"""The engine's rows; the value of a definition is `definition.WorkflowDefinition`."""

from engine.models.definitions import DraftDecision, Workflow, WorkflowVersion
from engine.models.executions import (
    ExecutionEvent,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    WorkflowExecution,
)
from engine.models.schedules import ScheduleFire, WorkflowSchedule
from engine.models.workers import WorkerKind, WorkflowWorker

__all__ = [
    "DraftDecision",
    "ExecutionEvent",
    "ExecutionStatus",
    "ScheduleFire",
    "StepExecution",
    "StepStatus",
    "WorkerKind",
    "Workflow",
    "WorkflowExecution",
    "WorkflowSchedule",
    "WorkflowVersion",
    "WorkflowWorker",
]
