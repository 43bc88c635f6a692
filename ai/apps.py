"""App configuration."""

from django.apps import AppConfig


class AIConfig(AppConfig):
    name = "ai"
    label = "workflow_ai"
    verbose_name = "AI"

    def ready(self) -> None:
        from ai import checks  # noqa: F401 - importing registers them
        from ai.budgets import health, limits, parking
        from core.health import register
        from engine.signals import reconciled

        reconciled.connect(parking.on_round, dispatch_uid="ai.budgets")
        limits.connect()
        register("ai_budgets", health.budgets)
