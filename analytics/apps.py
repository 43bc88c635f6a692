"""App configuration."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    label = "workflow_analytics"
    verbose_name = "Workflow analytics"

    def ready(self) -> None:
        from analytics import recording
        from engine.signals import execution_finished, reconciled

        execution_finished.connect(recording.on_finished, dispatch_uid="analytics.recording")
        reconciled.connect(recording.on_reconciled, dispatch_uid="analytics.recording")
