"""How the platform's processes write their log."""

from __future__ import annotations

import logging

from core.errors import shortened

MAX_CHARACTERS = 30_000  # of a record with its traceback


class LineFormatter(logging.Formatter):
    """Cuts what is endless: what an exception says of itself has no limit."""

    def format(self, record: logging.LogRecord) -> str:
        return shortened(super().format(record), MAX_CHARACTERS)
