"""ASGI entry point: the web process."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from workflow_platform.pooled import TRY_SECONDS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workflow_platform.settings")

# Each request has a thread of its own, so connections are kept in a pool or not at all. Workers
# keep one for each process or thread: a pool does not survive their forks.
_database = settings.DATABASES["default"]
_database["CONN_MAX_AGE"] = 0
_database["OPTIONS"].setdefault("connect_timeout", max(2, round(settings.DB_WAIT_SECONDS)))
if settings.DB_POOL_SIZE:
    _database["ENGINE"] = "workflow_platform.pooled"
    _database["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": settings.DB_POOL_SIZE,
        "timeout": TRY_SECONDS,
        "reconnect_timeout": TRY_SECONDS,
    }
_django = get_asgi_application()

from core.api.limits import BodyLimit  # noqa: E402 - needs the settings

application = BodyLimit(_django, max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
