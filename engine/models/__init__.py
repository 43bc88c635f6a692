"""The engine's rows; the value of a definition is `definition.WorkflowDefinition`."""

from engine.models.definitions import Workflow, WorkflowVersion
from engine.models.executions import (
    ExecutionEvent,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    WorkflowExecution,
)
from engine.models.schedules import ScheduleFire, WorkflowSchedule

__all__ = [
    "ExecutionEvent",
    "ExecutionStatus",
    "ScheduleFire",
    "StepExecution",
    "StepStatus",
    "Workflow",
    "WorkflowExecution",
    "WorkflowSchedule",
    "WorkflowVersion",
]
