"""The catalogue's addresses under /api/v1. A workflow's id is a UUID, so none is taken for one."""

from __future__ import annotations

from django.urls import path

from templates.api import views

urlpatterns = [
    path("workflows/templates", views.TemplateList.as_view(), name="templates"),
    path("workflows/templates/<uuid:template_id>", views.TemplateDetail.as_view(), name="template"),
    path(
        "workflows/templates/<uuid:template_id>/instantiate",
        views.TemplateInstances.as_view(),
        name="template-instantiate",
    ),
    path("workflows/categories", views.CategoryTree.as_view(), name="categories"),
]
