"""App configuration."""

from django.apps import AppConfig


class AIConfig(AppConfig):
    name = "ai"
    label = "workflow_ai"
    verbose_name = "AI"
