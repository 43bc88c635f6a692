"""The seeds' three parts of AI security, each a view of what protects every call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai.errors import PromptTooLarge
from ai.invisible import strip_invisible
from ai.safety.detection import BUILT_IN, find
from ai.safety.findings import apart
from ai.safety.marking import rewritten
from ai.safety.placeholders import Placeholders
from ai.safety.secrets import issued
from core.http.redaction import REDACTED

MAX_PROMPT_BYTES = 1024 * 1024
MAX_ANSWER = 1_000_000
"""Characters of an answer that are read."""


class PromptValidator:
    """Bounds of prompts."""

    def check(self, text: str, system: str = "") -> None:
        """Raises PromptTooLarge where text and system message together are."""
        size = len(text.encode()) + len(system.encode())
        if size > MAX_PROMPT_BYTES:
            raise PromptTooLarge(
                f"The prompt has {size:,} bytes; at most {MAX_PROMPT_BYTES:,} are sent."
            )

    def validate(self, prompt: str) -> bool:
        """Whether a prompt is sent as it is: within its size, no character that nobody sees."""
        try:
            self.check(prompt)
        except (PromptTooLarge, UnicodeEncodeError):
            return False
        return strip_invisible(prompt) == prompt


class ResponseValidator:
    """Bounds of answers; whether data fits its schema is `ai.parsing.AIResponseParser`'s."""

    def bounded(self, text: str) -> str:
        """The answer within its length, without characters that nobody sees."""
        return strip_invisible(text[:MAX_ANSWER])


class ContentFilter:
    """What may stand in an answer, and what of a context may be shown to a model."""

    def filter(self, text: str) -> str:
        """The text without keys and tokens whose own form gives them away."""
        for finding in reversed(apart(issued(text))):
            text = text[: finding.start] + REDACTED + text[finding.end :]
        return text

    def sanitize(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of JSON data in which personal data and secrets are placeholders."""
        names = Placeholders(())

        def clean(value: Any) -> Any:
            match value:
                case str():
                    findings = find(value, kinds=BUILT_IN)
                    return rewritten(value, findings=findings, data=(), names=names, mark="")
                case list():
                    return [clean(item) for item in value]
                case Mapping():
                    return {key: clean(item) for key, item in value.items()}
                case _:
                    return value

        return {key: clean(value) for key, value in context.items()}
