"""Celery tasks of the ground floor: the upkeep of keys."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings

from core.audit.actors import by_system
from core.errors import KeyUnavailable
from core.keys import reencryption, rotation

logger = logging.getLogger(__name__)

# A worker's process that seals anew runs no step meanwhile.
_SECONDS = 2.0


@shared_task(name="core.rotate_keys", ignore_result=True)
def rotate_keys() -> None:
    """Replaces the data keys that are older than KEY_ROTATION_DAYS."""
    older_than = timedelta(days=settings.KEY_ROTATION_DAYS)
    try:
        rotation.rotate_old(actor=by_system("rotation"), older_than=older_than)
    except KeyUnavailable as error:
        logger.warning("Keys were not rotated: %s", error.message)


@shared_task(name="core.reencrypt", ignore_result=True)
def reencrypt() -> None:
    """Seals old values anew for a moment, where there are any; the next call goes on."""
    if not reencryption.due():
        return
    try:
        reencryption.reencrypt(actor=by_system("re-encryption"), seconds=_SECONDS)
    except KeyUnavailable as error:
        logger.warning("Values were not sealed anew: %s", error.message)
