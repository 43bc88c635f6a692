"""System checks of the engine."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from engine import functions, registry
from engine.broker import QUEUES


@register()
def queues_have_workers(**_: Any) -> list[CheckMessage]:
    """Every step type and function runs on a queue that the platform's workers serve."""
    chosen = {
        f"step type {name}": executor.queue for name, executor in registry.executors().items()
    }
    chosen |= {f"function {name}": each.queue for name, each in functions.functions().items()}
    return [
        Error(
            f"The {what} runs on the queue '{queue}', which no worker serves.",
            hint=f"Choose one of: {', '.join(QUEUES)}.",
            id="workflow_engine.E001",
        )
        for what, queue in sorted(chosen.items())
        if queue not in QUEUES
    ]
