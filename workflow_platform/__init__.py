"""The composer: settings, entry points and the Celery application."""

from workflow_platform.celery import app as celery_app

__all__ = ["celery_app"]
