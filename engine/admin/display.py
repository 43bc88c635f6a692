"""How values look on the admin's pages.

Everything is text: nothing that a person wrote or a run returned becomes HTML.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.errors import PlatformError

ENCRYPTED = "(encrypted)"
NOTHING = "-"
MAX_SHOWN = 100_000  # characters of one value on a page
SHORT_ID = 13  # characters: the millisecond in which the id was made


def badge(status: str, label: str = "") -> SafeString:
    """A status in its colour, and always in words too."""
    return format_html('<span class="wf-badge wf-{}">{}</span>', status, label or status)


def short_id(pk: UUID) -> str:
    """The beginning of an id, long enough to tell runs apart and to search for."""
    return str(pk)[:SHORT_ID]


def moment(value: datetime | None, zone: tzinfo | None = None) -> str:
    """A time to the second: in the server's zone, or in the given one with its name."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value, zone)
    return f"{local:%Y-%m-%d %H:%M:%S}" if zone is None else f"{local:%Y-%m-%d %H:%M:%S %Z}"


def span(length: timedelta | float | None) -> str:
    """A duration (seconds, where it is a number) in at most two units."""
    if length is None:
        return NOTHING
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    seconds = max(seconds, 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"
    return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"


def elapsed(start: datetime | None, end: datetime | None) -> str:
    """The time between, or until now where there is no end yet."""
    return NOTHING if start is None else span((end or timezone.now()) - start)


def pretty(value: Any) -> str:
    """JSON for people, cut where it is too long for a page."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}\n… and {len(text) - MAX_SHOWN:,} characters more"


def payload(row: models.Model, field: str, *, allowed: bool) -> str:
    """An encrypted field of a row as text, for those who may read it."""
    if not allowed:
        return ENCRYPTED
    try:
        value = getattr(row, field)
    except PlatformError as error:
        return f"(cannot be read: {error.message})"
    return NOTHING if value is None else pretty(value)
