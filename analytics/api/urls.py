"""Addresses below /api/v1/, as documented."""

from __future__ import annotations

from django.urls import path

from analytics.api import views

urlpatterns = [
    path("workflows/analytics/trends", views.TrendsView.as_view(), name="workflow-trends"),
    path(
        "workflows/<uuid:workflow_id>/analytics",
        views.WorkflowAnalyticsView.as_view(),
        name="workflow-analytics",
    ),
    path(
        "workflows/<uuid:workflow_id>/feedback",
        views.FeedbackView.as_view(),
        name="workflow-feedback",
    ),
]
