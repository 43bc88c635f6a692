"""How the platform's processes write their log."""

from __future__ import annotations

import logging

from core.errors import shortened

_MAX_HOST = 200
MAX_CHARACTERS = 30_000  # of a record with its traceback


class LineFormatter(logging.Formatter):
    """Cuts what is endless: what an exception says of itself has no limit."""

    def format(self, record: logging.LogRecord) -> str:
        return shortened(super().format(record), MAX_CHARACTERS)


class ForeignHosts(logging.Filter):
    """Makes one short line of a request with a `Host` that is not ours: it is anybody's to send,
    and no failure of the platform.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage().partition(" You may need")[0].partition(" The domain name")[0]
        record.msg, record.args = "%s", (shortened(said, _MAX_HOST),)
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = record.exc_text = record.stack_info = None
        return True


class FailedExports(logging.Filter):
    """Lets through that traces are not taken once in ten minutes, in one line: exports go on every
    few seconds, and a collector that is away is no failure of the platform.
    """

    def __init__(self, name: str = "", *, seconds: float = 600.0) -> None:
        super().__init__(name)
        self._seconds = seconds
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.ERROR and record.name.startswith("opentelemetry.exporter"):
            return False  # it tries again by itself
        if record.created < self._quiet_until:
            return False
        self._quiet_until = record.created + self._seconds
        record.exc_info = record.exc_text = record.stack_info = None
        return True
