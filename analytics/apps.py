"""App configuration."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    label = "workflow_analytics"
    verbose_name = "Workflow analytics"
