"""ASGI entry point."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workflow_platform.settings")
_django = get_asgi_application()

from core.api.limits import BodyLimit  # noqa: E402 - needs the settings

application = BodyLimit(_django, max_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
