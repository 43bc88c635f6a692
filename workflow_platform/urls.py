"""Every address that the platform answers."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from ai.api.steps import AIStepView

api_v1 = [
    path("", include("core.api.accounts")),
    path("", include("core.api.credentials")),
    path("", include("core.api.sessions")),
    path("", include("core.api.tokens")),
    path("", include("core.api.organisations")),
    path("", include("core.api.invitations")),
    path("", include("engine.api.urls")),
    path("", include("templates.api.urls")),
    path("", include("analytics.api.urls")),
    path("", include("ai.api.urls")),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="start"),
    path("admin/", admin.site.urls),
    path("", include("core.api.urls")),
    path("", include("django_prometheus.urls")),
    path("api/v1/", include(api_v1)),
    # The address that the documented front end calls.
    path("api/workflows/ai/execute-step", AIStepView.as_view(schema=None), name="execute-step"),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs",
        SpectacularSwaggerSplitView.as_view(
            url_name="schema", template_name="workflow_core/api_docs.html"
        ),
        name="docs",
    ),
]

handler400 = "core.api.errors.bad_request"
handler403 = "core.api.errors.permission_denied"
handler404 = "core.api.errors.not_found"
handler500 = "core.api.errors.server_error"
