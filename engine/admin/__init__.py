"""The operators' pages: workflows, runs, steps and schedules."""

from __future__ import annotations

from django.contrib import admin

from engine.admin import beat, definitions, drafts, executions, schedules, steps, workers

__all__ = ["beat", "definitions", "drafts", "executions", "schedules", "steps", "workers"]

admin.site.site_header = "Workflow platform"
admin.site.site_url = "/api/docs"
admin.site.site_title = "Workflow platform"
admin.site.index_title = "Operations"
admin.site.index_template = "workflow_engine/admin/index.html"
