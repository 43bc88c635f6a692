from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core.errors import Problem
from engine import patterns, validation
from engine.validation import check_value, rules_problems, schema_problems

PORTFOLIO: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "holdings": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/holding"},
        },
        "odd key": {"type": "string"},
    },
    "required": ["holdings"],
    "$defs": {
        "holding": {
            "type": "object",
            "properties": {
                "isin": {"type": "string", "pattern": "^[A-Z]{2}[A-Z0-9]{9}[0-9]$"},
                "weight": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "required": ["weight"],
            "additionalProperties": False,
        }
    },
}


def found(value: Any, schema: dict[str, Any]) -> list[tuple[str, str]]:
    assert schema_problems(schema, "schema") == []
    return [(problem.path, problem.message) for problem in check_value(value, schema=schema)]


def test_problems_name_the_place_and_come_all_at_once() -> None:
    value = {
        "holdings": [{"weight": 0.5}, {"weight": 2, "isin": "x", "name": ""}, {}],
        "odd key": 1,
    }
    assert found(value, PORTFOLIO) == [
        ("holdings[1].isin", 'must match the pattern "^[A-Z]{2}[A-Z0-9]{9}[0-9]$"'),
        ("holdings[1].weight", "must be at most 1"),
        ("holdings[1].name", "is not expected"),
        ("holdings[2].weight", "is missing"),
        ('["odd key"]', "must be a text, not a number"),
    ]
    assert check_value({}, schema=PORTFOLIO, path="config") == [
        Problem("config.holdings", "is missing")
    ]
    assert check_value([], schema=PORTFOLIO, path="config") == [
        Problem("config", "must be an object, not a list")
    ]
    assert check_value([5], schema={"items": {"type": "string"}}, path="answer") == [
        Problem("answer[0]", "must be a text, not a number")
    ]


@pytest.mark.parametrize(
    ("schema", "good", "bad", "message"),
    [
        ({"type": "integer"}, 3.0, 3.5, "must be a whole number, not a number"),
        ({"type": ["number", "null"]}, None, True, "must be a number or null, not true or false"),
        ({"enum": ["a", 1]}, 1, "b", 'must be one of ["a", 1]'),
        ({"const": {"a": 1}}, {"a": 1.0}, {}, 'must be {"a": 1}'),
        ({"minimum": 1}, 1, 0.5, "must be at least 1"),
        ({"exclusiveMinimum": 1}, 1.5, 1, "must be more than 1"),
        ({"exclusiveMaximum": 1}, 0, 1, "must be less than 1"),
        ({"multipleOf": 0.01}, 0.07, 0.075, "must be a multiple of 0.01"),
        ({"minLength": 2}, "éé", "é", "must have at least 2 characters"),
        ({"maxLength": 2}, "éé", "ééé", "must have at most 2 characters"),
        ({"pattern": "b+"}, "abc", "ac", 'must match the pattern "b+"'),
        ({"format": "date"}, "2024-02-29", "2023-02-29", "is not of the format 'date'"),
        ({"format": "date-time"}, "2024-02-29T10:00:00Z", "2024-02-29", "is not of the format"),
        ({"format": "email"}, "a@example.org", "a@b", "is not of the format 'email'"),
        ({"format": "uuid"}, "0192f0c0-0000-7000-8000-000000000000", "1", "is not of the format"),
        ({"minItems": 1}, [1], [], "must have at least 1 elements"),
        ({"maxItems": 1}, [1], [1, 2], "must have at most 1 elements"),
        ({"uniqueItems": True}, [1, True, "1", [1], None], [1, 1.0], "have an element twice"),
        ({"uniqueItems": True}, [[1], {"a": 1}], [{"a": [1]}, {"a": [1.0]}], "element twice"),
        ({"prefixItems": [{}], "items": False}, [1], [1, 2], "has more elements"),
        ({"contains": {"type": "string"}}, [1, "a"], [1], "has too few elements"),
        ({"contains": {}, "maxContains": 1}, [1], [1, 2], "has too many elements"),
        ({"minProperties": 1}, {"a": 1}, {}, "must have at least 1 keys"),
        ({"maxProperties": 0}, {}, {"a": 1}, "must have at most 0 keys"),
        ({"propertyNames": {"maxLength": 1}}, {"a": 1}, {"ab": 1}, "must have at most 1"),
        ({"dependentRequired": {"a": ["b"]}}, {"b": 1}, {"a": 1}, "is missing: 'a' needs it"),
        ({"properties": {"a": False}}, {}, {"a": 1}, "is not allowed"),
        ({"not": {"type": "string"}}, 1, "a", "must not be of this kind"),
        ({"anyOf": [{"type": "null"}, {"minimum": 5}]}, 5, 1, "(must be null, not a number; or"),
        ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, 1, 3, "must fit exactly one of"),
        ({"if": {"minimum": 5}, "then": {"multipleOf": 5}}, 10, 11, "must be a multiple of 5"),
        ({"additionalProperties": {"type": "null"}}, {"a": None}, {"a": 1}, "must be null"),
    ],
)
def test_keywords(schema: dict[str, Any], good: Any, bad: Any, message: str) -> None:
    assert found(good, schema) == []
    ((_, said),) = found(bad, schema)
    assert message in said


def test_no_schema_and_unknown_formats_refuse_nothing() -> None:
    assert check_value(object()) == []
    assert found("x", {"format": "textarea", "title": "Comment", "x-hint": 1}) == []


def test_at_most_a_hundred_problems_and_no_data_in_them() -> None:
    problems = check_value(["secret"] * 1_000, schema={"items": {"enum": [1]}})
    assert len(problems) == 100
    assert "secret" not in str(problems)


# -- schemas


@pytest.mark.parametrize(
    ("schema", "path", "words"),
    [
        ([], "s", "a JSON Schema is an object"),
        ({"type": "nonsense"}, "s.type", "'nonsense'"),
        ({"minimum": "1"}, "s.minimum", "not of type 'number'"),
        ({"properties": {"a": 5}}, "s.properties.a", "not of type 'object', 'boolean'"),
        ({"allOf": [{"required": "a"}]}, "s.allOf[0].required", "not of type 'array'"),
        ({"items": [{}]}, "s.items", "not of type"),
        ({"$ref": "https://example.org/x"}, 's["$ref"]', "a part of this schema"),
        ({"$ref": "other.json#/a"}, 's["$ref"]', "a part of this schema"),
        ({"$ref": "#/$defs/a"}, 's["$ref"]', "a part of this schema"),
        ({"$ref": "#/enum/0", "enum": [{}]}, 's["$ref"]', "a part of this schema"),
        ({"$ref": 5}, 's["$ref"]', "a part of this schema"),
        ({"$ref": "#"}, "s", "refers to itself without end"),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}},
            "s",
            "refers to itself without end",
        ),
        ({"then": {"$ref": "#"}, "if": {}}, "s", "refers to itself without end"),
        ({"properties": {"a": {"$id": "x"}}}, 's.properties.a["$id"]', "not supported"),
        ({"$dynamicRef": "#a"}, 's["$dynamicRef"]', "not supported: use $ref"),
        ({"patternProperties": {"(a+)+": {}}}, "s.patternProperties", "not supported"),
        ({"unevaluatedItems": False}, "s.unevaluatedItems", "not supported: use items"),
        ({"items": {"pattern": "(?=a)"}}, "s.items.pattern", "look-ahead"),
        ({"pattern": "("}, "s.pattern", "unclosed group"),
        ({"pattern": r"(\w{30}){30}"}, "s.pattern", "repeats too much"),
        ({"pattern": r"\p{L}{20}"}, "s.pattern", "repeats too much"),
        ({"anyOf": [{"pattern": str(n)} for n in range(101)]}, "s", "more than 100 patterns"),
        ({"pattern": "a" * 201}, "s.pattern", "longer than 200 characters"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, 's["$schema"]', "the dialect is"),
        (
            {"items": {"$schema": "https://json-schema.org/draft/2020-12/schema"}},
            's.items["$schema"]',
            "at the top of a schema only",
        ),
        ({"properties": {str(n): {} for n in range(1_000)}}, "s", "too large"),
    ],
)
def test_schemas_that_are_refused(schema: Any, path: str, words: str) -> None:
    problems = schema_problems(schema, "s")
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].message


def test_schemas_are_not_nested_without_end() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5_000):
        schema = {"items": schema}
    assert "too large" in schema_problems(schema, "s")[0].message


def test_trees_may_refer_to_themselves() -> None:
    tree: dict[str, Any] = {
        "type": "object",
        "properties": {"not": {"$ref": "#"}, "children": {"items": {"$ref": "#"}}},
    }
    assert found({"children": [{"children": [{"not": 5}]}]}, tree) == [
        ("children[0].children[0].not", "must be an object, not a number")
    ]


@pytest.mark.timeout(60)
def test_a_dialect_does_not_bring_back_patterns_that_hang() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"a": {"$ref": "#"}, "b": {"pattern": "^(a+)+$"}},
    }
    assert len(found({"a": {"b": "a" * 50 + "!"}}, schema)) == 1


# Alternatives that each lead to all alternatives again: 2 ** 60 ways through.
_AGAIN = {"properties": {"x": {"$ref": "#/$defs/a"}}, "required": ["y"]}
DOUBLING = {"$defs": {"a": {"anyOf": [_AGAIN, _AGAIN]}}, "$ref": "#/$defs/a"}


def test_work_is_bounded_whatever_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "MAX_WORK", validation.MAX_WORK // 10)
    value: dict[str, Any] = {}
    for _ in range(60):
        value = {"x": value}
    assert found(value, DOUBLING) == [("", "takes too much work to be checked against its schema")]


def test_a_chain_of_references_is_followed_or_refused() -> None:
    parts: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(900)}
    schema = {"$defs": {**parts, "a900": {"type": "null"}}, "$ref": "#/$defs/a0"}
    ((path, _),) = found(5, schema)
    assert path == ""


@settings(deadline=None, max_examples=200)
@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-3, 3)
        | st.floats(-3, 3)
        | st.text("ab", max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    schema=st.recursive(
        st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["string", "number", "integer", "array", "object", "null"]),
                "minimum": st.integers(-2, 2),
                "exclusiveMaximum": st.integers(-2, 2),
                "maxLength": st.integers(0, 2),
                "pattern": st.sampled_from(["a", "^b", "a$", "^a*$"]),
                "minItems": st.integers(0, 2),
                "uniqueItems": st.booleans(),
                "required": st.lists(st.text("ab", max_size=2), max_size=2, unique=True),
                "enum": st.lists(st.integers(0, 1) | st.booleans(), min_size=1, max_size=2),
            },
        ),
        lambda inner: st.fixed_dictionaries(
            {},
            optional={
                "items": inner,
                "properties": st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
                "additionalProperties": inner | st.booleans(),
                "anyOf": st.lists(inner, min_size=1, max_size=2),
                "oneOf": st.lists(inner, min_size=1, max_size=2),
                "not": inner,
            },
        ),
        max_leaves=6,
    ),
)
def test_agrees_with_jsonschema_on_what_is_valid(value: Any, schema: dict[str, Any]) -> None:
    assert schema_problems(schema, "s") == []
    theirs = Draft202012Validator(schema).is_valid(value)
    assert (check_value(value, schema=schema) == []) == theirs


# -- patterns


@pytest.mark.parametrize(
    ("pattern", "text", "matched"),
    [
        ("a", "cab", True),
        ("^a$", "a\n", False),
        (r"\d|[\w.]|\s", "٣é\u00a0", False),  # ASCII, as in CEL
        (r"^\D\W\S[^\d]$", "٣é\u00a0x", True),
        (r"\bb\b", "éb", True),
        (r"^\p{L}+$", "Zoë", True),
        (r"^\\d$", r"\d", True),  # an escaped backslash
        ("", "", True),
        ("(a+)+$", "a" * 50 + "b", False),
    ],
)
def test_patterns(pattern: str, text: str, matched: bool) -> None:
    assert patterns.fault(pattern) is None
    assert patterns.matches(pattern, text) is matched


def test_bad_patterns_say_why() -> None:
    with pytest.raises(patterns.BadPattern, match="unclosed group"):
        patterns.matches("(", "")


# -- rules

WEIGHTS = {"expr": "sum(value.map(h, h.weight)) == 1", "message": "the weights make up 100 %"}


def test_rules_are_asked_with_the_value_under_its_names() -> None:
    rules = [
        WEIGHTS,
        {"expr": "size(output) <= inputs.most", "message": "there are too many"},
        {"expr": "inputs.missing > 1", "message": "never seen"},
        {"expr": "size(value)", "message": "never seen"},
    ]
    assert rules_problems(rules, "r", frozenset({"inputs", "output"})) == []
    value = [{"weight": 0.5}, {"weight": 0.25}]
    problems = check_value(
        value, rules=rules, variables={"inputs": {"most": 1}}, path="output", name="output"
    )
    assert problems == [
        Problem("output", "the weights make up 100 %"),
        Problem("output", "there are too many"),
        Problem(
            "output",
            "the rule could not be checked: there is no key 'missing' (in: inputs.missing > 1)",
        ),
        Problem("output", "the rule is neither true nor false (in: size(value))"),
    ]
    assert check_value([{"weight": 1}], rules=[WEIGHTS]) == []


def test_rules_are_asked_only_where_the_schema_is_met() -> None:
    schema = {"type": "array"}
    assert check_value(5, schema=schema, rules=[WEIGHTS]) == [
        Problem("", "must be a list, not a number")
    ]
    assert check_value([], schema=schema, rules=[WEIGHTS]) == [
        Problem("", "the weights make up 100 %")
    ]


@pytest.mark.parametrize(
    ("rules", "path", "words"),
    [
        ({}, "r", "rules are a list"),
        (["value > 1"], "r[0]", "exactly 'expr' and 'message'"),
        ([WEIGHTS, {"expr": "true"}], "r[1]", "exactly 'expr' and 'message'"),
        ([{**WEIGHTS, "level": "hard"}], "r[0]", "exactly 'expr' and 'message'"),
        ([{"expr": "true", "message": " "}], "r[0].message", "the message is a text"),
        ([{"expr": "true", "message": 1}], "r[0].message", "the message is a text"),
        ([{"expr": 1, "message": "m"}], "r[0].expr", "an expression is a text"),
        ([{"expr": "value >", "message": "m"}], "r[0].expr", "it ends too early"),
        ([{"expr": "output > 1", "message": "m"}], "r[0].expr", "no variable 'output'"),
    ],
)
def test_rules_that_are_refused(rules: Any, path: str, words: str) -> None:
    problems = rules_problems(rules, "r", frozenset({"inputs"}))
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].message
