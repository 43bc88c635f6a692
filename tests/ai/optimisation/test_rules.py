"""What each rule finds, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from ai.optimisation.rules.answers import longest
from ai.optimisation.values import History, StepHistory
from tests.ai.optimisation.documents import (
    Document,
    ask,
    calls,
    compute,
    definition,
    http,
    kinds,
    step,
)

RESULT = {"outputs": {"result": "steps.c.output"}}
RISK = {
    "type": "object",
    "properties": {"risk": {"enum": ["low", "high"]}},
    "required": ["risk"],
    "additionalProperties": False,
}
CHECK = step(
    "check",
    step_type="VALIDATION",
    config={"value": "${inputs}", "schema": {"type": "object"}},
)


def person(step_id: str, *after: str) -> Document:
    config = {"source": "form", "title": "Well?", "form": {"type": "object", "properties": {}}}
    return step(step_id, *after, step_type="DATA_COLLECTION", config=config)


def decision(step_id: str, *then: str, after: tuple[str, ...] = ()) -> Document:
    rules = [{"when": "inputs.id > 1", "then": list(then)}]
    return step(step_id, *after, step_type="DECISION", config={"rules": rules, "default": []})


def transform(step_id: str, *after: str, **output: str) -> Document:
    return step(step_id, *after, step_type="TRANSFORM", config={"output": output})


FOUND: dict[str, tuple[Document, set[str]]] = {
    "two questions that do not need each other": (
        definition(
            ask("a", prompt="A?"),
            ask("b", "a", prompt="B?"),
            transform("c", "b", x="steps.a.output.text + steps.b.output.text"),
        ),
        {"needless_dependency:b"},
    ),
    "a question asked before what it does not read": (
        definition(CHECK, ask("a", "check"), compute("b", "a"), compute("c", "b", reads=["b"]))
        | {"outputs": {"x": "steps.a.output.text", "y": "steps.c.output"}},
        {"needless_dependency:b"},
    ),
    "two chains that gain only together": (
        definition(
            compute("start"),
            compute("a1", "start", reads=["start"]),
            compute("a2", "a1"),
            compute("b1", "start", reads=["start"]),
            compute("b2", "b1"),
            compute("c", "a2", "b2", reads=["a1", "a2", "b1", "b2"]),
        ),
        {"needless_dependency:a2", "needless_dependency:b2"},
    ),
    "computed for nothing": (
        definition(compute("a"), compute("b", "a", reads=["a"]), compute("c", "b")) | RESULT,
        {"dead_steps:a,b"},
    ),
    "asked for nothing": (
        definition(ask("a"), compute("c", "a")) | RESULT,
        {"dead_steps:a"},
    ),
    "asked twice": (
        definition(
            ask("a", prompt="Sum up ${inputs.id}"),
            ask("b", prompt="Sum up ${inputs.id}"),
            compute("c", "a", "b", reads=[]),
        )
        | {"outputs": {"x": "steps.a.output.text", "y": "steps.b.output.text"}},
        {"repeated_prompt:b,a", "dead_steps:c"},
    ),
    "an answer's headers sent to a model": (
        definition(http("a", timeout=20), ask("c", "a", prompt="Sum up: ${steps.a.output}")),
        {"oversized_prompt:c"},
    ),
    "many tokens for one word": (
        definition(ask("c", schema=RISK, max_tokens=4000)),
        {"oversized_max_tokens:c"},
    ),
    "retries that never happen": (
        definition(transform("c", x="inputs.id") | {"retry": {"max_attempts": 5}}),
        {"useless_retry:c"},
    ),
    "no timeout": (definition(http("c")), {"missing_timeout:c"}),
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    document, expected = FOUND[name]
    found = kinds(document)
    assert set(found) == expected
    for suggestion in found.values():
        assert suggestion.candidate.evidence
        assert suggestion.patch
        assert suggestion.diff


# Every line of these says something that must not be given up.
LEFT_ALONE: dict[str, Document] = {
    "data flows along every edge": definition(
        compute("a"), compute("b", "a", reads=["a"]), compute("c", "b", reads=["b"])
    ),
    "an order of effects": definition(
        http("a", timeout=9), http("b", "a", timeout=9), http("c", "b", timeout=9)
    ),
    "a function that nobody calls pure": definition(
        step("a", **calls("tests.slow")),
        step("b", "a", **calls("tests.slow")),
        step("c", "b", **calls("tests.slow")),
    ),
    "a call before a computation": definition(
        http("a", timeout=9), compute("c", "a"), outputs={"x": "steps.c.output"}
    ),
    "a check before a question that costs": definition(CHECK, ask("c", "check")),
    "a check of an output": definition(
        compute("a", validation_rules={"rules": [{"expr": "output.value != 1", "message": "1"}]}),
        compute("c", "a"),
        **RESULT,
    ),
    "somebody is asked first": definition(person("a"), compute("c", "a"), **RESULT),
    "a person's question waits": definition(
        compute("a"), person("c", "a"), outputs={"x": "steps.a.output"}
    ),
    "a branch": definition(decision("a", "c"), compute("c", "a"), **RESULT),
    "a branch beside another": definition(
        decision("a", "b", "c"),
        compute("b", "a"),
        compute("c", "a"),
    ),
    "a condition": definition(compute("a", when="inputs.id > 1"), compute("c", "a"), **RESULT),
    "an output of the run": definition(compute("a"), compute("c")),
    "read by a condition": definition(
        compute("a"), compute("c", "a", when="has(steps.a.output.value)")
    ),
    "a status that is read": definition(
        compute("a", on_error="continue"),
        transform("c", "a", x="steps.a.status"),
    ),
    "steps that are cheap": definition(
        transform("a", x="1"),
        transform("b", "a", x="2"),
        transform("c", "b", x="steps.a.output.x + steps.b.output.x"),
    ),
    "no shorter path": definition(
        compute("a"),
        compute("b", "a", reads=["a"]),
        compute("b2", "b", reads=["b"]),
        compute("x"),
        compute("y", "x"),
        compute("c", "b2", "y", reads=["b2", "x", "y"]),
    ),
    "a person's verdict on an answer that nobody reads": definition(
        ask("a", review=True), http("b", "a", timeout=9), transform("c", "b", x="steps.b.status")
    ),
    "a question that is paid after the verdict on another": definition(
        ask("a", prompt="A?", review=True),
        ask("b", "a", prompt="B?"),
        transform("c", "a", "b", x="steps.a.output.text + steps.b.output.text"),
    ),
    "other words": definition(ask("a", prompt="One?"), ask("c", prompt="Two?")),
    "other settings": definition(ask("a"), ask("c", max_tokens=50)),
    "asked twice, in different branches": definition(
        decision("d", "a", "b"),
        ask("a", "d"),
        ask("b", "d"),
        transform(
            "c", "a", "b", x="has(steps.a.output) ? steps.a.output.text : steps.b.output.text"
        ),
    ),
    "as many tokens as it takes": definition(ask("c", schema=RISK, max_tokens=128)),
    "an answer without bounds": definition(
        ask(
            "c", schema={"type": "object", "properties": {"x": {"type": "string"}}}, max_tokens=4000
        )
    ),
    "a field of an answer": definition(
        http("a", timeout=9), ask("c", "a", prompt="Sum up: ${steps.a.output.body}")
    ),
    "retries of a call": definition(http("c", timeout=9, retry={"max_attempts": 3})),
    "a literal": definition(http("a", timeout=9), ask("c", "a", prompt="$${steps.a.output}")),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_left_alone(name: str) -> None:
    assert kinds(LEFT_ALONE[name]) == {}


@pytest.mark.parametrize("name", FOUND)
def test_not_touched(name: str) -> None:
    document, _ = FOUND[name]
    assert kinds(document | {"ai_configurable": False}) == {}
    steps = [each | {"ai_configurable": False} for each in document["steps"]]
    assert kinds(document | {"steps": steps}) == {}


def test_a_neighbour_that_must_not_be_touched() -> None:
    document, _ = FOUND["two questions that do not need each other"]
    steps = [*document["steps"][:2], document["steps"][2] | {"ai_configurable": False}]
    assert kinds(document | {"steps": steps}) == {}


# -- what past runs show

HISTORY: list[tuple[str, Document, StepHistory, set[str]]] = [
    (
        "calls that fail now and then",
        definition(http("c", timeout=9)),
        StepHistory(runs=40, completed=36, failed=4, codes={"http_timeout": 3, "http_rejected": 1}),
        {"missing_retry:c"},
    ),
    (
        "calls that are refused",
        definition(http("c", timeout=9)),
        StepHistory(runs=40, completed=20, failed=20, codes={"http_rejected": 20}),
        set(),
    ),
    (
        "writes that fail now and then",
        definition(
            http("c", timeout=9) | {"config": {"url": "https://a.example", "method": "POST"}}
        ),
        StepHistory(runs=40, completed=30, failed=10, codes={"http_timeout": 10}),
        set(),
    ),
    (
        "too few runs",
        definition(http("c", timeout=9)),
        StepHistory(runs=4, completed=2, failed=2, codes={"http_timeout": 2}),
        set(),
    ),
    (
        "retries that never helped",
        definition(http("c", timeout=9, retry={"max_attempts": 3})),
        StepHistory(runs=40, completed=30, failed=10, exhausted=10, codes={"http_timeout": 10}),
        {"vain_retry:c"},
    ),
    (
        "retries that helped once",
        definition(http("c", timeout=9, retry={"max_attempts": 3})),
        StepHistory(runs=40, completed=30, failed=10, exhausted=10, recovered=1),
        set(),
    ),
    (
        "long calls",
        definition(http("c")),
        StepHistory(runs=40, completed=40, longest_ms=14_000, mean_ms=9_000),
        set(),
    ),
    (
        "a function of seconds that may take an hour",
        definition(step("c", **calls("tests.slow"))),
        StepHistory(runs=40, completed=40, longest_ms=2_500, mean_ms=900),
        {"missing_timeout:c"},
    ),
    (
        "a model that thinks aloud",
        definition(ask("c", schema=RISK, max_tokens=4000)),
        StepHistory(runs=9, completed=9, calls=9, longest_answer_tokens=900, longest_ms=25_000),
        set(),
    ),
]


@pytest.mark.parametrize(("document", "past", "expected"), [row[1:] for row in HISTORY],
                         ids=[row[0] for row in HISTORY])  # fmt: skip
def test_history(document: Document, past: StepHistory, expected: set[str]) -> None:
    history = History(runs=past.runs, days=90, steps={"c": past})
    found = kinds(document, history)
    assert set(found) == expected
    for suggestion in found.values():
        assert past.runs in {fact.runs for fact in suggestion.candidate.evidence} | {past.completed}


def test_measured_paths() -> None:
    document, _ = FOUND["two questions that do not need each other"]
    took = {"a": 4000.0, "b": 3000.0, "c": 2.0}
    history = History(
        runs=8, days=90, steps={n: StepHistory(runs=8, completed=8, mean_ms=ms)
                                for n, ms in took.items()}
    )  # fmt: skip
    effect = kinds(document, history)["needless_dependency:b"].candidate.effect
    assert (effect.unit, effect.before, effect.after) == ("ms", 7002.0, 4002.0)
    assert "8 runs" in effect.basis
    steps = dict(history.steps) | {"b": StepHistory(runs=8, completed=8, mean_ms=5.0)}
    assert kinds(document, History(runs=8, days=90, steps=steps)) == {}


@pytest.mark.parametrize(
    ("schema", "size"),
    [
        ({"type": "boolean"}, 5),
        ({"enum": ["a", "bcd"]}, 5),
        ({"type": "string"}, None),
        ({"type": "string", "maxLength": 10}, 42),
        ({"type": "array", "items": {"type": "boolean"}, "maxItems": 3}, 20),
        ({"type": "array", "items": {"type": "boolean"}}, None),
        ({"type": "object", "properties": {"x": {"type": "null"}}}, None),
        (RISK, 2 + 6 + 6 + 2),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": ["null", "boolean"]}, 5),
        ({"$ref": "#/$defs/x"}, None),
        (True, None),
    ],
)
def test_longest(schema: Any, size: int | None) -> None:
    assert longest(schema) == size
