"""Which addresses a requirement reads from or writes to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ai.generation.offline import vocabulary
from ai.generation.offline.fields import Field
from ai.generation.offline.plan import Call
from ai.generation.offline.words import slug

_URL = re.compile(r"\bURL(\d+)\b")
# `URL with a POST`; in `fetch it from URL and post it` the method belongs to the next address.
_METHOD_BEHIND = re.compile(
    r"\s*\(?(?:,\s*)?(?:by|with|via|using|as)\s+(?:an? |the )?(?:http )?"
    r"(?:get|post|put|patch|delete|head)\b",
    re.I,
)
_USING = re.compile(
    r"\b(?:using|with|by|for) (?:the |its |their )?(?P<name>[\w' ]{3,40}?)(?= from| of|$|,|\.)",
    re.I,
)


def calls(
    sentence: str, urls: Sequence[str], columns: Sequence[Field], *, asked: str
) -> list[Call]:
    """The calls that one sentence (or a part of it) asks for, in order. `asked`: all of it."""
    found = []
    start = 0
    for place in _URL.finditer(sentence):
        before, after = sentence[start : place.start()], sentence[place.end() :]
        start = place.end()
        url = urls[int(place[1])]
        behind = _METHOD_BEHIND.match(after)
        method = _method(before) or (_method(behind[0]) if behind else None)
        reads = method in ("GET", "HEAD") or (method is None and _reads(before, after))
        status = reads and method in ("GET", "HEAD")
        table = url.lower().partition("?")[0].endswith(".csv") or "csv" in before.lower()
        parameter = ""
        if reads and (using := _USING.search(after)):
            parameter = slug(using["name"])
        found.append(
            Call(
                url=url,
                method=method or ("GET" if reads else "POST"),
                reads=reads,
                asked=asked,
                status=status and not table,
                format="csv" if reads and table and columns else "text" if table else "json",
                columns=tuple(columns) if table else (),
                parameter=parameter,
            )
        )
    return found


def _method(text: str) -> str | None:
    said = [(found[1] or found[2]).upper() for found in vocabulary.METHODS.finditer(text)]
    return said[-1] if said else None


def _reads(before: str, after: str) -> bool:
    """Whether data comes from there: by the first verb before the address, or else after it."""
    verbs = [(found.start(), True) for found in vocabulary.READING.finditer(before)]
    verbs += [(found.start(), False) for found in vocabulary.SENDING.finditer(before)]
    if re.search(r"\b(?:to|into|onto)\s*$", before):
        return False
    if re.search(r"\bfrom\s*$", before):
        return True
    if verbs:
        return min(verbs)[1]
    return bool(vocabulary.READING.search(after))
