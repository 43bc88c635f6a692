"""The platform's addresses, and the least that a request with a query can cost beside them."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

from workflow_platform.urls import urlpatterns as platform_patterns


def select_1(request: HttpRequest) -> HttpResponse:
    """One round trip to the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return HttpResponse("1")


urlpatterns = [path("bench/select-1", select_1), *platform_patterns]
