"""App configuration."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "engine"
    label = "workflow_engine"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from core.health import register
        from engine import checks, health, registry, worker  # noqa: F401 - checks, worker's signals

        registry.discover()
        register("workers", health.workers)
        register("beat", health.beat)
