"""Step type -> executor, written once at start by each app's `executors` and outside packages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

from django.utils.module_loading import autodiscover_modules

from engine.step import WorkflowStepExecutor

ENTRY_POINTS = "workflow_platform.executors"

_executors: dict[str, WorkflowStepExecutor] = {}


class AlreadyRegistered(Exception):
    """Two executors claim one step type."""


def register(executor: type[WorkflowStepExecutor]) -> type[WorkflowStepExecutor]:
    """Class decorator: makes the executor known under its `step_type`."""
    known = _executors.setdefault(executor.step_type, executor())
    if type(known) is not executor:
        raise AlreadyRegistered(
            f"{executor.__qualname__} and {type(known).__qualname__}"
            f" both claim {executor.step_type}"
        )
    return executor


def executors() -> Mapping[str, WorkflowStepExecutor]:
    """Every known step type."""
    return MappingProxyType(_executors)


def discover() -> None:
    """Imports every app's `executors` and `workflow_functions`, and outside packages' entry
    points.
    """
    autodiscover_modules("executors", "workflow_functions")
    for entry_point in entry_points(group=ENTRY_POINTS):
        entry_point.load()
