"""Characters that a person does not see and a model does: a way to hide instructions in a text;
and characters that a text in JSON hides behind escapes.
"""

from __future__ import annotations

import re

# Controls (but tab and line ends), default-ignorable characters (Unicode, UAX #44), bidirectional
# marks, variation selectors, tags, lone surrogates.
_NEVER = (
    "\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ufe00-\ufe0e"
    "\ud800-\udfff"
    "\U000e0000-\U000e0fff"
)
# Persian, Indic scripts and emoji need these, between their own characters only.
_JOINERS = "\u200c\u200d"
_SELECTOR = "\ufe0f"
_NO_NEIGHBOUR = f"\\x00-\\x7f\\s{_JOINERS}"
_INVISIBLE = re.compile(
    f"[{_NEVER}]"
    f"|(?<![^{_NO_NEIGHBOUR}{_SELECTOR}]){_SELECTOR}"
    f"|(?<![^{_NO_NEIGHBOUR}])[{_JOINERS}]"
    f"|[{_JOINERS}](?![^{_NO_NEIGHBOUR}{_SELECTOR}])"
)


def strip_invisible(text: str) -> str:
    """The text without the characters that nobody sees; what remains reads the same."""
    return _INVISIBLE.sub("", text)


_ESCAPE = re.compile(
    r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\u([0-9a-f]{4})|\\(.)",
    re.IGNORECASE | re.DOTALL,
)


def unescape_json(text: str) -> str:
    """A text that holds JSON, with its characters instead of their escapes: the same value. Escapes
    that JSON needs (quotes, backslashes, controls) stay.
    """
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    high, low, code, plain = found.groups()
    if plain is not None:
        return "/" if plain == "/" else found[0]
    if high is not None:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10 | int(low, 16) & 0x3FF))
    character = chr(int(code, 16))
    needed = character in '"\\' or character < " " or "\ud800" <= character <= "\udfff"
    return found[0] if needed else character
