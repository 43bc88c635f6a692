"""Questions that are asked more often than they need to be."""

from __future__ import annotations

from collections.abc import Iterator

from ai.optimisation import edits, liveness
from ai.optimisation.access import step_reads
from ai.optimisation.flow import Flow
from ai.optimisation.values import Candidate, Fact, History, Prediction
from core.json import JsonObject
from engine import rules

_MAX_STEPS = 200
_PROMPTS = ("prompt", "system")


def repeated_prompts(flow: Flow, history: History) -> Iterator[Candidate]:
    """Lets one AI step take over the answer of another that asks the same, in the same words.

    Steps with `cache: false` want an answer of their own, and keep it.
    """
    asking = [
        step.id
        for step in map(flow.definition.steps.__getitem__, flow.definition.graph.order)
        if flow.effects[step.id] == "model" and step.config.get("cache", True)
    ][:_MAX_STEPS]
    for n, step_id in enumerate(asking):
        step = flow.definition.step(step_id)
        for other_id in asking[:n]:
            other = flow.definition.step(other_id)
            same = other.step_type == step.step_type and other.config == step.config
            if same and _may_take_over(flow, step_id, other_id):
                yield _taken_over(flow, history, step_id, other_id)
                break


def cacheable_prompts(flow: Flow, history: History) -> Iterator[Candidate]:
    """Lets answers to a prompt that never changes be kept, where keeping them is switched off."""
    for step in flow.definition.steps:
        if flow.effects[step.id] != "model" or step.config.get("cache") is not False:
            continue
        if step.config.get("temperature") or any(
            rules.interpolations(step.config.get(key, ""), "") for key in _PROMPTS
        ):
            continue
        config = {key: value for key, value in step.config.items() if key != "cache"}
        yield Candidate(
            kind="cacheable_prompt",
            title=f"'{step.id}' asks the same in every run, and its answers are not kept.",
            steps=(step.id,),
            document=edits.with_step(flow.document, step.id, config=config),
            evidence=(
                Fact(
                    path=f"{flow.path(step.id)}.config.prompt",
                    said=f"The prompt of '{step.id}' has no ${{...}}: every run sends the same.",
                    value=0,
                ),
            ),
            effect=Prediction(
                measure="ai_calls_within_the_cache_s_time",
                unit="calls",
                before=2,
                after=1,
                basis="the definition alone, for each two runs that follow each other in that time",
            ),
            equivalent=False,
            caveats=("Runs that follow each other get the same answer.",),
            rewritten=frozenset({step.id}),
        )


def _may_take_over(flow: Flow, step_id: str, other_id: str) -> bool:
    if not flow.is_free(step_id) or flow.is_exit(step_id) or flow.running is None:
        return False
    other = flow.definition.step(other_id)
    known = _output(flow, step_id, other_id)
    reads = flow.reads.get(step_id, ())
    return (
        step_id not in flow.before[other_id]
        and flow.before[other_id] <= flow.before[step_id]
        and liveness.implies(flow.running[step_id], flow.running[other_id])
        and other.on_error == "fail"
        and other.validation_rules is None
        and all(
            len(keys) > 2 and keys[2] in known
            for read in reads
            for keys in step_reads(read.source)
            if keys[0] == step_id
        )
    )


def _output(flow: Flow, step_id: str, other_id: str) -> JsonObject:
    keys = ["text", "model", "provider"]
    keys += ["data"] if "schema" in flow.definition.step(step_id).config else []
    return {key: f"steps.{other_id}.output.{key}" for key in keys}


def _taken_over(flow: Flow, history: History, step_id: str, other_id: str) -> Candidate:
    step = flow.definition.step(step_id)
    before = (*step.dependencies, *(() if other_id in step.dependencies else (other_id,)))
    gone = {key: None for key in ("retry", "timeout") if key in flow.raw(step_id)}
    document = edits.with_step(
        flow.document,
        step_id,
        step_type="TRANSFORM",
        config={"output": _output(flow, step_id, other_id)},
        dependencies=list(before),
        **gone,
    )
    facts = [
        Fact(
            path=f"{flow.path(each)}.config",
            said=f"'{step_id}' and '{other_id}' have the same prompt, system prompt and settings.",
        )
        for each in (other_id, step_id)
    ]
    past = history.of(step_id)
    if past.calls:
        said = f"'{step_id}' made {past.calls:,} AI calls"
        said += f", which cost ${past.cost_usd:,.4f}." if past.cost_usd else "."
        facts.append(Fact(path=flow.path(step_id), said=said, value=past.calls, runs=past.runs))
    followers = {n for n, others in flow.before.items() if step_id in others} | {step_id}
    return Candidate(
        kind="repeated_prompt",
        title=f"'{step_id}' asks what '{other_id}' has asked already.",
        steps=(step_id, other_id),
        document=document,
        evidence=tuple(facts),
        effect=Prediction(
            measure="ai_calls_a_run", unit="calls", before=2, after=1, basis="the definition alone"
        ),
        equivalent=False,
        caveats=(
            "Two answers, which may differ, become one. Keep both where that is what they are for.",
        ),
        rewritten=frozenset({step_id}),
        waits=frozenset(
            (each, other_id) for each in followers if other_id not in flow.before[each]
        ),
    )
