"""Periods of time as the API names them: `30d`, `12h`, `2w`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.errors import InvalidInput, Problem

PERIOD = re.compile(r"([1-9][0-9]{0,4})([hdw])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
LONGEST = timedelta(days=3650)
_HOURLY = timedelta(hours=48)  # up to which a period is shown by hours


class InvalidPeriod(InvalidInput):
    """The time period is not valid."""

    code = "invalid_time_period"


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """The time up to now.

    Attributes:
        text: as given, such as `30d`.
        interval: by what it is cut into points.
    """

    text: str
    start: datetime
    end: datetime
    interval: Literal["hour", "day"]

    def points(self) -> list[datetime]:
        """The start (UTC) of every hour or day that the period touches."""
        step = _UNITS[self.interval[0]]
        first = self.start.replace(minute=0, second=0, microsecond=0)
        if self.interval == "day":
            first = first.replace(hour=0)
        count = (self.end - first) // step + 1
        return [first + n * step for n in range(count)]


def parse_period(text: str, *, now: datetime) -> Period:
    """The period that ends `now` (UTC).

    Raises:
        InvalidPeriod: not a number with h, d or w, or longer than ten years.
    """
    found = PERIOD.fullmatch(text)
    length = int(found[1]) * _UNITS[found[2]] if found else timedelta(0)
    if not found or length > LONGEST:
        message = f"must be a number of h(ours), d(ays) or w(eeks), at most {LONGEST.days}d"
        raise InvalidPeriod(
            f"time_period {message}: 30d, 12h.", problems=[Problem("time_period", message)]
        )
    hourly = found[2] == "h" and length <= _HOURLY
    return Period(text=text, start=now - length, end=now, interval="hour" if hourly else "day")
