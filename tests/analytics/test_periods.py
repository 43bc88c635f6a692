from __future__ import annotations

from datetime import UTC, datetime

import pytest

from analytics.periods import InvalidPeriod, parse_period

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "interval", "points"),
    [
        ("1d", "2026-03-09T15:30", "day", 2),
        ("7d", "2026-03-03T15:30", "day", 8),
        ("30d", "2026-02-08T15:30", "day", 31),
        ("2w", "2026-02-24T15:30", "day", 15),
        ("12h", "2026-03-10T03:30", "hour", 13),
        ("48h", "2026-03-08T15:30", "hour", 49),
        ("49h", "2026-03-08T14:30", "day", 3),
        ("3650d", "2016-03-12T15:30", "day", 3651),
    ],
)
def test_a_period_ends_now(text: str, start: str, interval: str, points: int) -> None:
    period = parse_period(text, now=NOW)
    assert period.start.isoformat(timespec="minutes") == f"{start}+00:00"
    assert (period.interval, len(period.points())) == (interval, points)
    assert period.points()[0] <= period.start
    assert period.points()[-1] <= NOW


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "0d", "-1d", "30 d", "30D", "1.5d", "3651d", "99999w", "٣d", "30d\n", "1e3d"],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidPeriod) as raised:
        parse_period(text, now=NOW)
    assert raised.value.problems[0].path == "time_period"
