"""What a browser would send from a page of the admin."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class Form(HTMLParser):
    """The values of the page's main form, as they stand in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._inside = False
        self._select = self._text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("method") == "post" and "logout" not in given.get("id", "")
        name = given.get("name", "")
        if not self._inside:
            return
        if tag == "input" and name:
            kind = given.get("type", "text")
            ticked = kind not in ("checkbox", "radio") or "checked" in given
            if ticked and kind not in ("submit", "file", "button") and "__prefix__" not in name:
                self._add(name, given.get("value", "on" if kind == "checkbox" else ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given and "__prefix__" not in self._select:
            self._add(self._select, given.get("value", ""))
        elif tag == "textarea" and "__prefix__" not in name:
            self._text = name
            self._add(name, "")

    def handle_data(self, data: str) -> None:
        if self._text:
            # A browser drops the line break that follows the tag.
            old = self.values[self._text][0]
            self.values[self._text] = [old + (data if old else data.removeprefix("\n"))]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._text = ""
        elif tag == "select":
            self._select = ""

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)


def filled(response: Any, **changes: Any) -> dict[str, Any]:
    """What the page would send, with these changes."""
    values: dict[str, Any] = dict(Form(response.content.decode()).values)
    return {**values, **changes}
