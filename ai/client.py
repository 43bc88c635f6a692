"""The one way in which the platform asks a language model: bounded, checked, measured, recorded."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from ai.budgets.errors import AIPriceUnknown
from ai.cache import answers
from ai.calls import Answer, Caller
from ai.errors import AIError
from ai.prompts import MAX_PROMPT_BYTES, new_prompt
from ai.providers.base import Prompt, Provider
from ai.providers.offline import OfflineProvider
from ai.providers.openai import OpenAIProvider
from ai.questions import Question
from ai.safety.manager import AISecurityManager

__all__ = ["MAX_PROMPT_BYTES", "Answer", "Caller", "ask", "new_prompt", "provider"]


security = AISecurityManager()


def provider() -> Provider:
    """The configured endpoint; without a key, the built-in provider that asks no model."""
    if settings.OPENAI_API_KEY:
        return OpenAIProvider(endpoint=settings.MODEL_ENDPOINT, api_key=settings.OPENAI_API_KEY)
    return OfflineProvider()


def ask(prompt: Prompt, *, caller: Caller, via: Provider | None = None) -> Answer:
    """Asks, and keeps a row of every call in ai_step_executions, whether it succeeds or fails.

    Personal data and secrets are replaced before anything is sent, and put back into the answer;
    rows and the cache hold what was sent and what came. The prompt's model is asked, then its
    fallbacks in turn. An answer that the cache holds is taken instead, and is a row too.

    Raises:
        AIError: of the last model that was asked; the rows tell of all.
        AIPriceUnknown: a hard limit holds, and no model has a known price.
    """
    via = via or provider()
    guard = security.protect(prompt, caller=caller, via=via)
    question = Question(caller, via, guard=guard, within=prompt.within or prompt.timeout)
    return guard.answer(_first(guard.prompt, question))


def _first(prompt: Prompt, question: Question) -> Answer:
    """The answer of the first model that gives one.

    A model that a hard limit refuses for want of a price was not asked: the next one is, and what
    a model that was asked has failed with says more.
    """
    *models, last = prompt.model, *prompt.fallbacks
    failed: AIError | None = None
    for model in models:
        try:
            return _ask(replace(prompt, model=model), question)
        except AIPriceUnknown:
            continue
        except AIError as error:
            if not error.another_model or not question.worthwhile:
                raise
            failed = error
    try:
        return _ask(replace(prompt, model=last), question)
    except AIPriceUnknown:
        if failed is None:
            raise
    raise failed


def _ask(prompt: Prompt, question: Question) -> Answer:
    """One model's answer, from the cache or from itself."""
    found = answers.find(prompt, question.caller, question.via)
    if found is not None:
        return question.take(prompt, found)
    answer = question.ask(prompt)
    answers.keep(prompt, question.caller, question.via, answer)
    return answer
