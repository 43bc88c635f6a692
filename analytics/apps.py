"""App configuration."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    label = "workflow_analytics"
    verbose_name = "Workflow analytics"

    def ready(self) -> None:
        from analytics import recording
        from engine.signals import reconciled

        reconciled.connect(recording.on_reconciled, dispatch_uid="analytics.recording")
