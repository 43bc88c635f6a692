from __future__ import annotations

from django.urls import path

from core.api.health import health, live, ready

urlpatterns = [
    path("health", health, name="health"),
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
]
