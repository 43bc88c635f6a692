"""Prompts that carry more than what is meant by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ai.optimisation import edits
from ai.optimisation.access import whole_output
from ai.optimisation.flow import Flow
from ai.optimisation.values import Candidate, Fact, History, Prediction
from core.json import JsonObject
from engine import rules

_PROMPTS = ("prompt", "system")
# Step type -> which field of the output is the content; the others tell of how it came.
_CONTENT: Mapping[str, Callable[[JsonObject], str | None]] = {
    "HTTP": lambda config: "body" if config.get("response") != "none" else None,
    "AI_GENERATED": lambda config: "data" if "schema" in config else "text",
}
_FIELDS = {"HTTP": ("status", "headers", "body"), "AI_GENERATED": ("text", "model", "provider")}


def oversized_prompts(flow: Flow, history: History) -> Iterator[Candidate]:
    """Sends the content of an answer alone, not its headers and the like."""
    for step in flow.definition.steps:
        if flow.effects[step.id] != "model":
            continue
        config, facts = dict(step.config), list[Fact]()
        sent = 0
        for key in _PROMPTS:
            pieces = []
            for literal, piece in rules.split_template(step.config.get(key, "")):
                other = None if literal else whole_output(piece)
                field = _content(flow, other)
                if other is not None and field is not None:
                    piece = f"steps.{other}.output.{field}"
                    fields = _FIELDS[flow.definition.step(other).step_type]
                    extra = [name for name in fields if name != field]
                    sent += len(extra)
                    facts.append(
                        Fact(
                            path=f"{flow.path(step.id)}.config.{key}",
                            said=f"The whole output of '{other}' is sent: beside '{field}' also"
                            f" {', '.join(extra)}.",
                            value=len(extra),
                        )
                    )
                pieces.append(piece.replace("${", "$${") if literal else f"${{{piece}}}")
            if pieces and key in config:
                config[key] = "".join(pieces)
        if not facts:
            continue
        past = history.of(step.id)
        if past.mean_prompt_tokens is not None:
            said = f"A prompt of '{step.id}' had {past.mean_prompt_tokens:,.0f} tokens on average."
            facts.append(
                Fact(
                    path=f"{flow.path(step.id)}.config.prompt",
                    said=said,
                    value=round(past.mean_prompt_tokens, 1),
                    runs=past.runs,
                )
            )
        yield Candidate(
            kind="oversized_prompt",
            title=f"The prompt of '{step.id}' carries whole outputs where their content is meant.",
            steps=(step.id,),
            document=edits.with_step(flow.document, step.id, config=config),
            evidence=tuple(facts),
            effect=Prediction(
                measure="fields_sent_beside_the_content",
                unit="fields",
                before=sent,
                after=0,
                basis="the definition alone",
            ),
            equivalent=False,
            caveats=("The model reads less: compare its answers on a few runs.",),
            rewritten=frozenset({step.id}),
        )


def _content(flow: Flow, step_id: str | None) -> str | None:
    if step_id is None:
        return None
    step = flow.definition.step(step_id)
    content = _CONTENT.get(step.step_type)
    return None if content is None else content(step.config)
