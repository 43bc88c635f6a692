"""The built-in provider for where no endpoint is configured: it quotes the prompt, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable

from ai.errors import AIInvalidOutput
from ai.generation import prompts, schemas
from ai.generation.offline import planner
from ai.providers import material
from ai.providers.base import Completion, Prompt
from ai.providers.instances import Unfillable, fill
from core.json import JsonObject

NOTICE = (
    "No language model was asked: this answer was put together from the prompt's own sentences and"
    " figures. Set OPENAI_API_KEY (and MODEL_ENDPOINT, AI_MODEL) to ask one."
)
MODEL = "offline-extractive"
PLANNER = "offline-planner"
PLANNER_NOTICE = (
    "No language model was asked: the draft was put together from the text by tables and rules."
    " Check every step. Set OPENAI_API_KEY (and MODEL_ENDPOINT, AI_MODEL) to ask a model."
)
_PLANNERS: dict[str, Callable[[str], JsonObject]] = {
    schemas.ANALYSIS_TITLE: planner.analyse,
    schemas.DRAFT_TITLE: planner.draft,
}
_SENTENCES = 6
_FACTS = 12
_CHARACTERS = 2_000
_CHARACTERS_A_TOKEN = 4


class OfflineProvider:
    """Extractive and deterministic: the same prompt gives the same answer, none of it invented."""

    name = "offline"
    endpoint = ""

    def complete(self, prompt: Prompt) -> Completion:
        if (planned := _planned(prompt)) is not None:
            return planned
        source = material.read(prompt.text)
        if prompt.schema is None:
            text = _quote(source, min(prompt.max_tokens * _CHARACTERS_A_TOKEN, _CHARACTERS))
        else:
            try:
                text = json.dumps(fill(prompt.schema, source), ensure_ascii=False)
            except Unfillable as error:
                raise AIInvalidOutput(
                    f"The offline provider finds no value that fits the schema ({error}). {NOTICE}"
                ) from None
        return Completion(
            text=text, model=MODEL, prompt_tokens=0, completion_tokens=0, notice=NOTICE
        )


def _planned(prompt: Prompt) -> Completion | None:
    """The planner's answer where the prompt asks about requirements, else None."""
    plan = _PLANNERS.get(str((prompt.schema or {}).get("title")))
    requirements = prompts.unmarked(prompt.text)
    if plan is None or requirements is None:
        return None
    text = json.dumps(plan(requirements), ensure_ascii=False)
    return Completion(
        text=text, model=PLANNER, prompt_tokens=0, completion_tokens=0, notice=PLANNER_NOTICE
    )


def _quote(source: material.Material, characters: int) -> str:
    sentences = source.best(_SENTENCES, characters=characters)
    text = " ".join(sentences)
    lines: list[str] = []
    for fact in source.facts:
        line = f"- {fact}"
        if (
            len(lines) == _FACTS
            or len(text) + sum(len(said) for said in lines) + len(line) > characters
        ):
            break
        # What a sentence has said already is not said again.
        if not any(material.shown(fact.value) in s and fact.path[-1] in s for s in sentences):
            lines.append(line)
    return "\n".join(filter(None, (text, *lines))) or "The prompt holds nothing to quote."
