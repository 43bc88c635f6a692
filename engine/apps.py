"""App configuration."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "engine"
    label = "workflow_engine"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from core.audit import sealing
        from core.health import register
        from engine import checks, health, registry, signals, worker  # noqa: F401 - import registers

        registry.discover()
        signals.reconciled.connect(sealing.on_round, dispatch_uid="core.audit")
        register("workers", health.workers)
        register("beat", health.beat)
