"""How much of an answer that is still coming may be shown: nothing that the whole would not show.

A filter that looks at a beginning may miss what becomes a key, a mark or a placeholder with the
next piece. So what is shown ends where none of them can be cut in two. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LAST_SPACE = re.compile(r"\s(?=\S*\Z)")
_OPEN_BRACKET = re.compile(r"\\?\[[^\[\]\n]{0,40}\Z")  # perhaps a placeholder: it may hold blanks
_KEY_BEGINS = re.compile(r"-----BEGIN")
_KEY_ENDS = re.compile(r"-----END [^-\n]{0,60}-----")


def settled(text: str, *, own: Iterable[str] = ()) -> int:
    """The length of the text's beginning on which what follows has no bearing.

    Args:
        own: secrets, of which those with blanks have to be looked for.
    """
    spaced = [secret for secret in own if re.search(r"\s", secret)]
    end, before = _word(text, len(text)), -1
    while end != before:
        before = end
        for found in _KEY_BEGINS.finditer(text, 0, end):
            if _KEY_ENDS.search(text, found.end(), end) is None:
                end = _word(text, found.start())  # a private key, whose end has not come
                break
        if found_bracket := _OPEN_BRACKET.search(text, max(0, end - 50), end):
            end = _word(text, found_bracket.start())
        for secret in spaced:
            for length in range(min(len(secret) - 1, end), 0, -1):
                if text.endswith(secret[:length], 0, end):
                    end = _word(text, end - length)
                    break
    return end


def _word(text: str, end: int) -> int:
    """Where the word begins that stands at the end, or would if more came."""
    found = _LAST_SPACE.search(text, max(0, end - 20_000), end)
    return found.start() if found else 0
