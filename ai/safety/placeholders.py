"""Placeholders in place of values, `[EMAIL_1]`, and the way back. Pure.

They are one call's own: a number that this call has not given means nothing, whoever writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from ai.safety.findings import Kind
from ai.safety.numbers import Place, as_number

_NAMES = "|".join(kind.name.replace("_", r"[\\_ -]{1,2}") for kind in Kind)
# As models write them: in any case, with the underscore escaped for Markdown or lost.
_PLACEHOLDER = re.compile(
    rf"\\{{0,2}}\[ ?({_NAMES})[\\_ -]{{1,3}}(\d{{1,6}}) ?\\{{0,2}}\]", re.IGNORECASE
)
_STRING_OR_PLACEHOLDER = re.compile(
    rf'"(?:[^"\\]|\\.)*+"|{_PLACEHOLDER.pattern}', re.IGNORECASE | re.DOTALL
)
_BARE = "\u2060"
"""Begins strings that stood without quotes. Models write none: it is taken out of what they say."""
_BRACKETS = "\\[] "
_SEPARATORS = re.compile(r"[\\_ -]+")


class Placeholders:
    """One call's values and the names that stand for them. The same value has the same name."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Args:
        texts: all that is sent; what looks like a placeholder in there is never given as one.
        """
        self._taken = {_key(found) for text in texts for found in _PLACEHOLDER.finditer(text)}
        self._names: dict[tuple[Kind, str], str] = {}
        self._values: dict[tuple[str, int], str] = {}
        self._last: dict[Kind, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def name(self, kind: Kind, value: str) -> str:
        """The placeholder of a value."""
        known = self._names.get((kind, value))
        if known is not None:
            return known
        number = self._last.get(kind, 0) + 1
        while (kind.name, number) in self._taken:
            number += 1
        self._last[kind] = number
        self._values[kind.name, number] = value
        self._names[kind, value] = made = f"[{kind.name}_{number}]"
        return made

    def known(self) -> dict[str, Kind]:
        """The values that have names."""
        return {value: kind for kind, value in self._names}

    def restore(self, text: str) -> str:
        """The text with the values back in their places; what is not of this call stays."""
        return self._restored(text, str)

    def restore_json(self, text: str) -> str:
        """As `restore`, where placeholders stand in the strings of a JSON text."""
        return self._restored(text, lambda value: json.dumps(value, ensure_ascii=False)[1:-1])

    def restore_data(self, value: Any, *, schema: Any = None) -> Any:
        """As `restore`, in all strings and keys of a JSON value; the value itself stays.

        What was a number is one again where it stands alone and stood without quotes (`quoted`),
        or where the schema takes no text.
        """
        return self._restored_data(value, Place.whole(schema)) if self._values else value

    def quoted(self, text: str) -> str:
        """A JSON text in which the placeholders of numbers that stand without quotes have them."""

        def string(found: re.Match[str]) -> str:
            if found[0].startswith('"') or as_number(self._values.get(_key(found), "")) is None:
                return found[0]
            return f'"{_BARE}{found[0]}"'

        return _STRING_OR_PLACEHOLDER.sub(string, text) if self._values else text

    def _restored_data(self, value: Any, place: Place) -> Any:
        match value:
            case str():
                return self._restored_value(value, place)
            case list():
                return [self._restored_data(item, place.of(n)) for n, item in enumerate(value)]
            case dict():
                return {
                    self.restore(key): self._restored_data(item, place.of(key))
                    for key, item in value.items()
                }
            case _:
                return value

    def _restored_value(self, text: str, place: Place) -> str | int:
        bare = text.startswith(_BARE)
        text = text.removeprefix(_BARE)
        restored = self.restore(text)
        alone = _PLACEHOLDER.fullmatch(text) is not None
        if restored == text or not (bare or (alone and place.takes_number())):
            return restored
        number = as_number(restored)
        return restored if number is None else number

    def conceal(self, text: str) -> str:
        """The text with this call's values replaced, wherever they stand."""
        for (_, value), name in sorted(self._names.items(), key=lambda item: -len(item[0][1])):
            text = text.replace(value, name)
        return text

    def _restored(self, text: str, write: Callable[[str], str]) -> str:
        if not self._values:
            return text

        def value(found: re.Match[str]) -> str:
            known = self._values.get(_key(found))
            return found[0] if known is None else write(known)

        return _PLACEHOLDER.sub(value, text)


def without_names(text: str) -> str:
    """The text, in which nothing looks like a placeholder any more."""
    return _PLACEHOLDER.sub(lambda found: f"({found[0].strip(_BRACKETS)})", text)


def _key(found: re.Match[str]) -> tuple[str, int]:
    return _SEPARATORS.sub("_", found[1].upper()), int(found[2])
