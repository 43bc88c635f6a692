"""Answers that may be given again: encrypted in Redis, for half an hour, per organisation."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from django.core.cache import cache

from ai.calls import Answer, Caller
from ai.providers.base import Prompt, Provider
from core.json import JsonObject

logger = logging.getLogger(__name__)

_MAX_TEXT = 200_000  # characters of an answer that is worth its place
# What does not change the answer. Whatever else a prompt will have does.
_INDIFFERENT = {"timeout", "within", "fallbacks", "cache", "mode"}


@dataclass(frozen=True, slots=True)
class CacheStrategy:
    """How long something is kept."""

    seconds: int

    @classmethod
    def TTL(cls, seconds: int) -> Self:  # noqa: N802 - the documented name
        return cls(seconds)


class WorkflowCacheManager:
    """The documented cache. Definitions never change, so that each process keeps them itself
    (`engine.definitions.load`); answers of models are kept in Redis, whatever their temperature.
    """

    cache_strategies: ClassVar[dict[str, CacheStrategy]] = {"ai_responses": CacheStrategy.TTL(1800)}

    def find(self, prompt: Prompt, caller: Caller, via: Provider) -> JsonObject | None:
        """What `keep` was given for the same question of the same organisation.

        Nothing for a second attempt at a step: the first answer may be why there is one.
        """
        if caller.attempt > 1 or not _is_kept(prompt, caller, via):
            return None
        return self.get_cached_ai_response(prompt_hash(prompt, caller, via))

    def keep(self, prompt: Prompt, caller: Caller, via: Provider, answer: Answer) -> None:
        """Keeps an answer, but for one that was cut off or is not ordinary."""
        if not _is_kept(prompt, caller, via) or answer.notice or len(answer.text) > _MAX_TEXT:
            return
        response = {"text": answer.text, "data": answer.data, "model": answer.model}
        self.cache_ai_response(prompt_hash(prompt, caller, via), response)

    def cache_ai_response(self, prompt_hash: str, response: JsonObject) -> None:
        """Keeps a response under the digest of its question."""
        seconds = self.cache_strategies["ai_responses"].seconds
        try:
            cache.set(f"ai:response:{prompt_hash}", response, seconds)
        except (TypeError, ValueError) as error:  # a number that JSON does not know
            logger.warning("An answer was not cached: %s", error)

    def get_cached_ai_response(self, prompt_hash: str) -> JsonObject | None:
        """The response to a question; None where there is none any more."""
        response: JsonObject | None = cache.get(f"ai:response:{prompt_hash}")
        return response


answers = WorkflowCacheManager()


def prompt_hash(prompt: Prompt, caller: Caller, via: Provider) -> str:
    """SHA-256 of all that an answer depends on, and of whose it is."""
    asked: JsonObject = {k: v for k, v in asdict(prompt).items() if k not in _INDIFFERENT}
    whole: list[Any] = [str(caller.organisation_id), via.name, via.endpoint, asked]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _is_kept(prompt: Prompt, caller: Caller, via: Provider) -> bool:
    # What costs nothing is not kept; nor what belongs to nobody, or hangs on what tools give.
    owned = caller.organisation_id is not None
    return prompt.cache and not prompt.tools and bool(via.endpoint) and owned
