"""The engine's rows. Documented tables keep their names; `definition.WorkflowDefinition` is the value."""

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
