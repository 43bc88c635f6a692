"""The built-in provider: quotes, never invents, always says so."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from ai.errors import AIInvalidOutput
from ai.providers import material
from ai.providers.base import Completion, Prompt
from ai.providers.offline import MODEL, NOTICE, OfflineProvider

REVIEW = """You are an analyst. Write a short commentary for private investors.
The portfolio of five holdings gained 12.4% in the year. Volatility stayed below 20%.
The weather was nice.
Risk class: medium
Holdings: [{"symbol": "AAPL", "annual_return": 0.3123456, "risk": "high"},
 {"symbol": "IBM", "annual_return": 0.05, "risk": "low"}]
Prices: [1, 2, 3, 4, 5, 6, 7.5]
Keep it under 100 words."""


def ask(text: str, schema: Any = None, max_tokens: int = 500) -> Completion:
    prompt = Prompt(
        text=text, schema=schema, model="m", max_tokens=max_tokens, temperature=1, timeout=1
    )
    return OfflineProvider().complete(prompt)


def data(text: str, schema: Any) -> Any:
    return json.loads(ask(text, schema).text)


def test_it_quotes_sentences_and_figures() -> None:
    answer = ask(REVIEW)
    assert "The portfolio of five holdings gained 12.4% in the year." in answer.text
    assert "- Risk class: medium" in answer.text
    assert "- Holdings AAPL annual_return: 0.3123" in answer.text
    assert "- Prices: 7 values from 1 to 7.5, the last 7.5" in answer.text
    assert "Write" not in answer.text
    assert "Keep" not in answer.text
    assert (answer.notice, answer.model) == (NOTICE, MODEL)
    assert (answer.prompt_tokens, answer.completion_tokens) == (0, 0)


def test_it_is_deterministic() -> None:
    assert len({ask(REVIEW).text for _ in range(5)}) == 1


@pytest.mark.parametrize("text", ["", "?", "Write a poem.", "{", "[" * 5_000, '{"a": ' * 3_000])
def test_a_prompt_without_material_has_an_answer(text: str) -> None:
    assert ask(text).text


def test_the_limit_of_tokens_holds() -> None:
    assert len(ask(REVIEW, max_tokens=20).text) <= 20 * 4 + 20


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "{" * 1_000_000, "a: " * 300_000, "1," * 400_000, "A. " * 300_000]
)
@pytest.mark.timeout(60)
def test_a_hostile_prompt_comes_to_an_end(text: str) -> None:
    ask(text)
    ask(text, {"type": "object", "properties": {"a": {"type": "number"}, "b": {"enum": ["x"]}}})


def an_object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (an_object(risk_class={"enum": ["low", "medium", "high"]}), {"risk_class": "medium"}),
        (an_object(answer={"enum": ["IBM", "AMZN", "SAP"]}), {"answer": "IBM"}),
        (an_object(riskClass={"type": "string"}), {"riskClass": "medium"}),
        (an_object(annual_return={"type": "number"}), {"annual_return": 0.3123456}),
        (an_object(score={"type": "integer", "minimum": 1, "maximum": 5}), {"score": 1}),
        (an_object(share={"type": "number", "multipleOf": 5}), None),
        (an_object(ok={"type": "boolean"}), {"ok": False}),
        (an_object(none={"type": "null"}), {"none": None}),
        (an_object(kind={"const": "review"}), {"kind": "review"}),
        (an_object(when={"type": "string", "format": "date", "default": "2000-01-01"}), None),
        (an_object(code={"type": "string", "pattern": "^[A-Z]{4}$"}), None),
        (an_object(title={"type": "string", "maxLength": 30}), None),
        (an_object(text={"type": "string", "minLength": 1, "maxLength": 5}), None),
        (an_object(prices={"type": "array", "items": {"type": "number"}}), None),
        (an_object(points={"type": "array", "items": {"type": "string"}, "minItems": 4}), None),
        (an_object(either={"anyOf": [{"type": "null"}, {"type": "integer"}]}), {"either": None}),
        (an_object(either={"oneOf": [an_object(a={"const": 1}), {"type": "null"}]}), None),
        (
            an_object(
                holdings={
                    "type": "array",
                    "items": an_object(symbol={"type": "string"}, risk={"enum": ["low", "high"]}),
                }
            ),
            {"holdings": [{"symbol": "AAPL", "risk": "high"}, {"symbol": "IBM", "risk": "low"}]},
        ),
        ({"type": "string"}, None),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}, None),
        ({}, None),
        (
            {
                "$defs": {"node": {**an_object(name={"type": "string"}), "required": ["name"]}},
                "$ref": "#/$defs/node",
            },
            None,
        ),
        (
            {
                "$defs": {
                    "tree": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "below": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                        },
                        "required": ["name"],
                    }
                },
                "$ref": "#/$defs/tree",
            },
            None,
        ),
        ({"allOf": [an_object(a={"type": "integer"}), {"required": ["a"]}]}, None),
    ],
)
def test_a_schema_is_filled_from_the_prompt(schema: Any, expected: Any) -> None:
    found = data(REVIEW, schema)
    jsonschema.Draft202012Validator(schema).validate(found)
    assert data(REVIEW, schema) == found
    if expected is not None:
        assert found == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}, "minItems": 1_000_000_000},
        {"type": "string", "minLength": 1_000_000_000},
        {"type": "string", "pattern": "^never [0-9]{7} seen$"},
        {"enum": []},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        an_object(a={"$ref": "#"}),
        {"type": "integer", "minimum": 5, "maximum": 4},
    ],
)
@pytest.mark.timeout(60)
def test_a_schema_that_it_cannot_fill_is_said_so(schema: Any) -> None:
    with pytest.raises(AIInvalidOutput, match="offline provider"):
        ask(REVIEW, schema)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-1.5", -1.5),
        ("$1,250.75", 1250.75),
        ("12.4%", 12.4),
        ("twelve", None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, value: float | None) -> None:
    assert material.number(text) == value
