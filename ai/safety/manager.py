"""The seeds' AISecurityManager: the deployment's rules, applied to each question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from ai.calls import Caller
from ai.providers.base import Prompt, Provider
from ai.safety import presidio
from ai.safety.filters import ContentFilter, PromptValidator, ResponseValidator
from ai.safety.findings import Kind
from ai.safety.guard import Guard, Policy

_NOTHING = Policy(kinds=(), own=())
_SHORTEST_SECRET = 8  # characters; what is shorter is a word of other texts too


class AISecurityManager:
    """Manages security for AI calls."""

    def __init__(self) -> None:
        self.prompt_validator = PromptValidator()
        self.response_validator = ResponseValidator()
        self.content_filter = ContentFilter()

    def protect(self, prompt: Prompt, *, caller: Caller, via: Provider) -> Guard:
        """The protection of one question; `guard.prompt` is what may be sent.

        A provider without an endpoint sends nothing anywhere: it gets the prompt as it is.
        """
        if not via.endpoint:
            plain = replace(prompt, data=(), system_data=())
            return Guard(plain, policy=_NOTHING, scope="")
        return Guard(prompt, policy=policy_of(prompt), scope=str(caller.organisation_id))

    def validate_ai_prompt(self, prompt: str) -> bool:
        """Whether a prompt is sent as it is: within its size, no character that nobody sees."""
        return self.prompt_validator.validate(prompt)

    def filter_ai_response(self, response: str) -> str:
        """An answer of bounded length, without invisible characters, keys and tokens."""
        return self.content_filter.filter(self.response_validator.bounded(response))

    def sanitize_context_data(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the context in which personal data and secrets are placeholders."""
        return self.content_filter.sanitize(context)


def policy_of(prompt: Prompt) -> Policy:
    """What is replaced in a prompt: AI_REDACT and what presidio finds, or secrets alone where
    it may ask for that.
    """
    kinds = frozenset(Kind(name) for name in settings.AI_REDACT)
    if not prompt.redact and settings.AI_REDACT_OPTIONAL:
        kinds &= {Kind.SECRET}
    own = {value for value in (*settings.AI_OWN_SECRETS, settings.OPENAI_API_KEY) if value}
    further = None
    if settings.REDACTION_PRESIDIO and (prompt.redact or not settings.AI_REDACT_OPTIONAL):
        model, language = settings.REDACTION_PRESIDIO_MODEL, settings.REDACTION_PRESIDIO_LANGUAGE
        further = presidio.load(model, language).find
    long_enough = sorted(v for v in own if len(v) >= _SHORTEST_SECRET)
    return Policy(kinds=kinds, own=long_enough, further=further)
