"""App configuration."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "engine"
    label = "workflow_engine"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from core import tracing
        from core.audit import sealing
        from core.health import register
        from core.organisations import member_removed
        from core.security import access_control
        from engine import (  # noqa: F401 - importing checks and worker registers them
            checks,
            health,
            registry,
            selectors,
            signals,
            spans,
            worker,
            workflows,
        )

        registry.discover()
        signals.reconciled.connect(sealing.on_round, dispatch_uid="core.audit")
        if tracing.on():
            signals.execution_finished.connect(spans.record_run, dispatch_uid="engine.spans")
        access_control.register(selectors.workflows_for)
        member_removed.connect(workflows.hand_over, dispatch_uid="engine.workflows")
        register("workers", health.workers)
        register("beat", health.beat)
