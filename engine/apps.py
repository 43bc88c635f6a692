"""App configuration."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "engine"
    label = "workflow_engine"
    verbose_name = "Workflows"

    def ready(self) -> None:
        from engine import checks, registry, worker  # noqa: F401 - checks and the worker's signals

        registry.discover()
