"""When a requirement wants its workflow to start: words -> cron."""

from __future__ import annotations

import re

_DAYS = "sunday monday tuesday wednesday thursday friday saturday".split()
_MONTHS = (
    "january february march april may june july august september october november december"
).split()
_EVERY = r"\b(?:every|each|once (?:a|per)|on the)\s+"
_TIME = re.compile(
    r"\b(?:at|by|around|from)\s+(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s*(?P<half>am|pm|a\.m|p\.m)?"
    r"(?:\s*(?:o'clock|h\b|hours))?(?P<spoken>\s+in the (?:morning|afternoon|evening))?",
    re.I,
)
_WORDS = {"midnight": (0, 0), "noon": (12, 0), "morning": (7, 0), "evening": (18, 0)}
_WORDS |= {"night": (2, 0), "afternoon": (15, 0)}
_DEFAULT = (6, 0)


def cron(text: str) -> str | None:
    """The five fields of cron that a text asks for, or None where it names no times."""
    text = text.lower()
    if found := re.search(_EVERY + r"(\d{1,2})\s*(minutes?|hours?)\b", text):
        number = int(found[1])
        unit = found[2]
        if unit.startswith("minute") and 0 < number < 60:
            return f"*/{number} * * * *"
        if unit.startswith("hour") and 0 < number < 24:
            return f"0 */{number} * * *"
    if re.search(r"\b(?:every|each) minute\b", text):
        return "* * * * *"
    if re.search(r"\b(?:every|each) hour\b|\bhourly\b", text):
        return "0 * * * *"
    if re.search(r"\b(?:every|each) half(?: an)? hour\b", text):
        return "*/30 * * * *"
    days = _days(text)
    if days is None:
        return None
    hour, minute = _time(text)
    return f"{minute} {hour} {days}"


def _days(text: str) -> str | None:
    """Day of the month, month and day of the week."""
    if re.search(r"\b(?:first|1st|1\.?) (?:day )?of (?:every|each|the|a) month\b", text):
        return "1 * *"
    if found := re.search(r"\b(\d{1,2})(?:st|nd|rd|th) (?:day )?of (?:every|each|the) month", text):
        return f"{found[1]} * *" if 1 <= int(found[1]) <= 28 else None
    if re.search(
        r"\b(?:every|each) (?:week|working|business)[ -]?days?\b|\b(?:on|at) weekdays\b", text
    ):
        return "* * 1-5"
    if re.search(r"\bmonday (?:to|through|until|till) friday\b", text):
        return "* * 1-5"
    named = [
        n
        for n, day in enumerate(_DAYS)
        if re.search(
            rf"\b(?:every|each|on)\s+(?:\w+days?,? (?:and|or) )?{day}s?\b|\b{day}s\b", text
        )
    ]
    if named:
        return f"* * {','.join(map(str, named))}"
    if re.search(r"\bweekends?\b", text) and re.search(r"\b(?:every|each|on)\b", text):
        return "* * 0,6"
    if re.search(
        r"\b(?:every|each) (?:day|morning|evening|night|noon|afternoon)\b|\bdaily\b", text
    ):
        return "* * *"
    if re.search(r"\bnightly\b|\bevery midnight\b", text):
        return "* * *"
    if re.search(r"\b(?:every|each) week\b|\bweekly\b|\bonce (?:a|per) week\b", text):
        return "* * 1"
    if re.search(r"\b(?:every|each) month\b|\bonce (?:a|per) month\b", text):
        return "1 * *"
    if re.search(r"\b(?:every|each) quarter\b|\bquarterly\b", text) and "at " in text:
        return "1 1,4,7,10 *"
    for n, month in enumerate(_MONTHS, 1):
        if re.search(rf"\b(?:every|each) {month}\b", text):
            return f"1 {n} *"
    return None


def _time(text: str) -> tuple[int, int]:
    for found in _TIME.finditer(text):
        hour, minute = int(found["hour"]), int(found["minute"] or 0)
        afternoon = (found["half"] or "").startswith("p") or bool(
            found["spoken"] and "morning" not in found["spoken"]
        )
        if afternoon and hour < 12:
            hour += 12
        if hour < 24 and minute < 60:
            return hour, minute
    return next((time for word, time in _WORDS.items() if word in text), _DEFAULT)
