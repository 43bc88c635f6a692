"""Addresses of AI below /api/v1/."""

from __future__ import annotations

from django.urls import path

from ai.api import analytics, generation, optimisation, steps

urlpatterns = [
    path("ai/steps/execute", steps.AIStepView.as_view(), name="ai-step-execute"),
    path("ai/analytics", analytics.AIAnalyticsView.as_view(), name="ai-analytics"),
    path("ai/workflows/optimize", optimisation.OptimizeView.as_view(), name="ai-optimize"),
    path("workflows/generate", generation.GenerateView.as_view(), name="workflows-generate"),
    path(
        "ai/workflows/generate",
        generation.GenerateAdvancedView.as_view(),
        name="ai-workflows-generate",
    ),
]
