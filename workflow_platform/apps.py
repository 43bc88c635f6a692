from __future__ import annotations

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    """Django's admin, on the site that tells the audit log of every change."""

    default_site = "core.audit.site.AuditedSite"
