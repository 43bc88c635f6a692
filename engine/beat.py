"""Beat's schedule, read from the database, by which it goes on while the database is away."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django_celery_beat.schedulers import DatabaseScheduler

logger = logging.getLogger(__name__)


class LastingScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Goes on with the schedule as it was read last, and reads it anew when the database is back.

    django-celery-beat catches an error of the database in some places: where it reads the whole
    schedule, every five minutes and after each change, it ends beat for good.
    """

    _away = False

    @property
    def schedule(self) -> Any:
        """Entry by name."""
        if self._schedule is None:
            return super().schedule  # the first time: who starts beat is to hear of it
        if self._answers():
            try:
                return super().schedule
            except (OperationalError, InterfaceError) as error:
                self._lost(error)
        return self._schedule

    def sync(self) -> None:
        """Stores when entries were last sent; later, where the database is away."""
        if self._answers():
            super().sync()

    def _answers(self) -> bool:
        close_old_connections()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except (OperationalError, InterfaceError) as error:
            self._lost(error)
            return False
        if self._away:
            self._away = False
            self._last_full_sync = datetime.min  # what changed meanwhile may have gone unseen
            logger.warning("The database is back: the schedule is read anew.")
        return True

    def _lost(self, error: Exception) -> None:
        connection.close()
        if not self._away:
            logger.error("The database is away, beat goes on as it last read: %s", error)
        self._away = True
