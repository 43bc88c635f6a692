"""What a name must not hold: what would break a list's line, or make it read as something else."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

# Controls, line ends, zero-width characters but joiners (which scripts need), and what turns the
# direction of the text behind it.
_NOT_IN_NAMES = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069"
_FOUND = re.compile(f"[{_NOT_IN_NAMES}]")


def fault_of_name(name: str) -> str | None:
    """What is wrong with a name of one line; None where nothing is."""
    found = _FOUND.search(name)
    if found is None:
        return None
    return f"A name holds no control character, such as U+{ord(found[0]):04X}."


class _OneLine(RegexValidator):
    """A pattern, so that the API's description tells it; it says which character it is."""

    regex = rf"\A[^{_NOT_IN_NAMES}]+\Z"

    def __call__(self, value: str) -> None:
        if fault := fault_of_name(value):
            raise ValidationError(fault, code="control_character")


FILLED_LINE = rf"^[^{_NOT_IN_NAMES}]*[^\s{_NOT_IN_NAMES}][^{_NOT_IN_NAMES}]*$"
"""What such a name looks like where it must not be blank, for the API's description."""

one_line = _OneLine()
"""The same as a validator of fields."""
