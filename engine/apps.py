"""App configuration."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "engine"
    label = "workflow_engine"
    verbose_name = "Workflow engine"
