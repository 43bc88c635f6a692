"""Addresses of AI below /api/v1/."""

from __future__ import annotations

from django.urls import path

from ai.api import analytics, budgets, generation, optimisation, progress, steps

urlpatterns = [
    path("ai/steps/execute", steps.AIStepView.as_view(), name="ai-step-execute"),
    path(
        "executions/<uuid:execution_id>/progress",
        progress.ProgressView.as_view(),
        name="execution-progress",
    ),
    path("ai/analytics", analytics.AIAnalyticsView.as_view(), name="ai-analytics"),
    path("ai/workflows/optimize", optimisation.OptimizeView.as_view(), name="ai-optimize"),
    path("workflows/generate", generation.GenerateView.as_view(), name="workflows-generate"),
    path(
        "ai/workflows/generate",
        generation.GenerateAdvancedView.as_view(),
        name="ai-workflows-generate",
    ),
    path("ai/budgets", budgets.BudgetList.as_view(), name="ai-budgets"),
    path("ai/budgets/usage", budgets.BudgetUsage.as_view(), name="ai-budget-usage"),
    path("ai/budgets/<uuid:budget_id>", budgets.BudgetDetail.as_view(), name="ai-budget"),
]
