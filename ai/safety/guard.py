"""One question's protection: what is sent instead of what was asked, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.crypto import salted_hmac

from ai.calls import Answer
from ai.errors import AIUnsafeAnswer
from ai.invisible import strip_invisible
from ai.providers.base import Prompt
from ai.safety.detection import find
from ai.safety.filters import ContentFilter
from ai.safety.findings import Finding, Kind, apart, merged
from ai.safety.marking import note, rewritten, unmarked
from ai.safety.partial import settled
from ai.safety.placeholders import Placeholders, without_names
from core.errors import Problem
from core.http.redaction import REDACTED, Redactor

MAX_SPREAD = 1_000
"""Values of one question that are also looked for where nothing says what they are."""
_BY_LABEL = (Kind.SECRET, Kind.NATIONAL_ID, Kind.PHONE, Kind.PERSON)
# What a schema says in these is no text, and would no longer mean the same.
_NO_TEXT = {"pattern", "patternProperties", "$ref", "$id", "$schema", "$anchor", "format", "type"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a deployment protects.

    Attributes:
        kinds: values that are replaced.
        own: the platform's own secrets, which are replaced whatever the kinds.
        further: finds more in a text, whatever the kinds.
    """

    kinds: Collection[Kind]
    own: Sequence[str]
    further: Callable[[str], Iterable[Finding]] | None = None


class Guard:
    """Replaces values before a question is sent and puts them back into its answer.

    Attributes:
        prompt: what is sent.
        schema: the schema that the restored answer must fit.
    """

    def __init__(self, prompt: Prompt, *, policy: Policy, scope: str) -> None:
        """Args:
        scope: whose question it is; part of what the marks are drawn from.
        """
        self.schema = prompt.schema
        self._policy = policy
        strings = list(_strings(prompt.schema))
        texts = (prompt.text, prompt.system, *strings)
        self._names = Placeholders(texts)
        found = [self._find(text) for text in texts]
        values = {
            text[f.start : f.end]: f.kind
            for text, findings in zip(texts, found, strict=True)
            for f in findings
            if f.kind in _BY_LABEL
        }
        found = [self._spread(t, f, values) for t, f in zip(texts, found, strict=True)]
        self._mark = ""
        if prompt.data or prompt.system_data or prompt.tools:
            bare = [self._text(t, f) for t, f in zip(texts, found, strict=True)]
            # Nobody who writes data can know it: it depends on all that is sent, and on a key.
            # The same question has the same mark, so that its answer may come from a cache.
            value = "\0".join((scope, *bare))
            self._mark = salted_hmac("ai.safety.mark", value, algorithm="sha256").hexdigest()[:16]
        text = self._text(prompt.text, found[0], prompt.data)
        system = self._text(prompt.system, found[1], prompt.system_data)
        sent = {t: self._text(t, f) for t, f in zip(strings, found[2:], strict=True)}
        schema = _mapped(prompt.schema, lambda string: sent.get(string, string))
        # What tools will give is not known yet.
        named = bool(self._names) or bool(prompt.tools and (policy.kinds or policy.further))
        told = note(mark=self._mark, named=named)
        system = "\n\n".join(filter(None, (system, told)))
        self.prompt = replace(
            prompt, text=text, system=system, schema=schema, data=(), system_data=()
        )

    def filtered(self, text: str) -> str:
        """An answer without the marks, and without keys and tokens that this question never held.

        Raises:
            AIUnsafeAnswer: it tells what the model was told of the marks, or a secret of the
                platform's own.
        """
        text = self.unmarked(text)
        if self.tells(text):
            raise AIUnsafeAnswer("The model's answer repeats its system message.")
        if any(secret in text for secret in self._policy.own):
            raise AIUnsafeAnswer("The model's answer holds a secret of the platform.")
        return ContentFilter().filter(text) if Kind.SECRET in self._policy.kinds else text

    def unmarked(self, text: str) -> str:
        """A text of the model's without the marks."""
        return unmarked(text, self._mark)

    def tells(self, text: str) -> bool:
        """Whether a text of the model's tells what it was told of the marks."""
        return bool(self._mark) and self._mark in text.lower()

    def result(self, text: str, *, credentials: Redactor) -> str:
        """What a tool gave, as the model is told: data, without values, that ends at its mark.

        A tool may have been given the mark in pieces, and placeholders: neither has a meaning in
        what it gives.

        Args:
            credentials: takes those of the organisation out, for good.
        """
        text = credentials.text(strip_invisible(text))
        if self._mark:
            text = re.sub(self._mark, REDACTED, text, flags=re.IGNORECASE)
        text = without_names(text)
        findings = self._spread(text, self._find(text), self._names.known())
        return self._text(text, findings, ((0, len(text)),))

    def partial(self, text: str) -> str:
        """What may be shown of a free text's beginning, with the values: the beginning of what
        `filtered` and `answer` would make of the whole, or "" where they would refuse it.
        """
        text = strip_invisible(text)
        own = self._policy.own
        try:
            return self._names.restore(self.filtered(text[: settled(text, own=own)]))
        except AIUnsafeAnswer:
            return ""

    def answer(self, answer: Answer) -> Answer:
        """The answer with the values back in their places."""
        restore = self._names.restore if self.schema is None else self._names.restore_json
        data = self.restored_data(answer.data, schema=self.schema)
        return replace(answer, text=restore(answer.text), data=data)

    def restored_data(self, value: Any, *, schema: Any = None) -> Any:
        """Data of the model's, with the values; numbers again where they were, by the schema."""
        return self._names.restore_data(value, schema=schema)

    def quoted(self, text: str) -> str:
        """A model's JSON, with quotes around placeholders that it has put in a number's place."""
        return self._names.quoted(text)

    def concealed(self, problems: Sequence[Problem]) -> list[Problem]:
        """What a check says of restored data, without the values: it is sent and stored."""
        hide = self._names.conceal
        return [Problem(hide(problem.path), hide(problem.message)) for problem in problems]

    def _find(self, text: str) -> list[Finding]:
        findings = find(text, kinds=self._policy.kinds, own=self._policy.own)
        if self._policy.further is None:
            return findings
        return merged(text, findings, self._policy.further(text))

    def _spread(self, text: str, findings: list[Finding], values: dict[str, Kind]) -> list[Finding]:
        """More findings: what a label gave away in one place is the same value in another."""
        more: list[Finding] = []
        for value, kind in list(values.items())[:MAX_SPREAD]:
            start = text.find(value)
            while start >= 0:
                end = start + len(value)
                if not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()):
                    more.append(Finding(kind, start, end))
                start = text.find(value, end)
        return apart([*findings, *more])

    def _text(
        self, text: str, findings: list[Finding], data: Sequence[tuple[int, int]] = ()
    ) -> str:
        return rewritten(text, findings=findings, data=data, names=self._names, mark=self._mark)


def _strings(schema: Any) -> list[str]:
    found: list[str] = []

    def note_down(string: str) -> str:
        found.append(string)
        return string

    _mapped(schema, note_down)
    return found


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A schema with its texts changed; names of properties stay."""
    match value:
        case str():
            return change(value)
        case list():
            return [_mapped(item, change) for item in value]
        case dict():
            return {
                key: _mapped(item, change)
                if isinstance(item, dict) or key not in _NO_TEXT
                else item
                for key, item in value.items()
            }
        case _:
            return value
