"""The Celery application. Tasks live in each app's `tasks` module."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun

from workflow_platform import transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workflow_platform.settings")

transport.install()
app = Celery("workflow_platform")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery would close the database's connection around every task, which costs more than a step.
app.conf["CELERY_DB_REUSE_MAX"] = float("inf")
app.autodiscover_tasks()


@task_prerun.connect
@task_postrun.connect
def close_old_connections(**_: Any) -> None:
    """Closes connections that are broken or older than CONN_MAX_AGE, as after a request."""
    from django.db import close_old_connections

    close_old_connections()
