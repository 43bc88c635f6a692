"""The steps that a generated workflow can be made of, as models read them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.json import JsonObject
from engine import functions, registry
from engine.step import WorkflowStepExecutor


class WorkflowStepLibrary:
    """Every step type of this installation with its schema, and every registered function."""

    def __init__(self, allowed: Collection[str] | None = None) -> None:
        """`allowed`: only these step types; None: all."""
        self.allowed = allowed

    @property
    def executors(self) -> Mapping[str, WorkflowStepExecutor]:
        """The step types that may be chosen."""
        known = registry.executors()
        if self.allowed is None:
            return known
        return {name: known[name] for name in sorted(known) if name in self.allowed}

    def entries(self) -> list[JsonObject]:
        """What each step type is for, and the JSON Schema of its `config`."""
        return [
            {
                "step_type": name,
                "description": executor.description,
                "config_schema": executor.config_schema,
                "outputs": executor.get_outputs(),
            }
            for name, executor in sorted(self.executors.items())
        ]

    def functions(self) -> list[JsonObject]:
        """What steps of type FUNCTION may call."""
        if "FUNCTION" not in self.executors:
            return []
        return [
            {"function": name, "description": found.description, "arguments": found.schema}
            for name, found in sorted(functions.functions().items())
        ]
