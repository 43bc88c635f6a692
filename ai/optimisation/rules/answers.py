"""Limits of answers that are far above what the answer's schema allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ai.optimisation import edits
from ai.optimisation.flow import Flow
from ai.optimisation.values import Candidate, Fact, History, Prediction

_FAR = 4
"""Times what is needed."""
_LEAST = 64
_LAYOUT = 2
"""Times the compact form: models may put blanks and new lines into JSON."""
_FORMATS = {"date": 12, "time": 30, "date-time": 42, "uuid": 38}
_NUMBER = 25


def oversized_max_tokens(flow: Flow, history: History) -> Iterator[Candidate]:
    """Lowers `max_tokens` to what the largest answer that fits the schema can have.

    A token has at least one byte, so that an answer has at most as many tokens as bytes.
    """
    for step in flow.definition.steps:
        limit, schema = step.config.get("max_tokens"), step.config.get("schema")
        if flow.effects[step.id] != "model" or limit is None or schema is None:
            continue
        size = longest(schema)
        if size is None:
            continue
        past = history.of(step.id)
        enough = max(_LEAST, size * _LAYOUT, 2 * (past.longest_answer_tokens or 0))
        enough = -(-enough // 16) * 16
        if limit < _FAR * enough:
            continue
        path = f"{flow.path(step.id)}.config"
        facts = [
            Fact(path=f"{path}.max_tokens", said=f"It allows {limit:,} tokens.", value=limit),
            Fact(
                path=f"{path}.schema",
                said=f"No answer that fits has more than {size:,} bytes in compact form.",
                value=size,
            ),
        ]
        if past.longest_answer_tokens:
            facts.append(
                Fact(
                    path=flow.path(step.id),
                    said=f"The longest answer of '{step.id}' had {past.longest_answer_tokens:,}"
                    " tokens.",
                    value=past.longest_answer_tokens,
                    runs=past.runs,
                )
            )
        yield Candidate(
            kind="oversized_max_tokens",
            title=f"'{step.id}' allows {limit:,} tokens for an answer that needs {enough:,}.",
            steps=(step.id,),
            document=edits.with_step(
                flow.document, step.id, config={**step.config, "max_tokens": enough}
            ),
            evidence=tuple(facts),
            effect=Prediction(
                measure="answer_tokens_reserved_a_call",
                unit="tokens",
                before=limit,
                after=enough,
                basis="the schema, with as much again for layout"
                + (", and twice the longest answer so far" if past.longest_answer_tokens else ""),
            ),
            equivalent=False,
            caveats=("A model that spends tokens on thinking before it answers needs more.",),
            rewritten=frozenset({step.id}),
        )


def longest(schema: Any) -> int | None:
    """Bytes of the longest compact JSON that fits; None where nothing bounds it.

    Numbers count as 25 characters, what a float of double precision has at most.
    """
    if not isinstance(schema, dict) or "$ref" in schema:
        return None
    if "const" in schema:
        return _length(schema["const"])
    if "enum" in schema:
        return max((_length(value) for value in schema["enum"]), default=0)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _most([longest(option) for option in schema[key]])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return _most([_of_kind(kind, schema) for kind in kinds])
    return _of_kind(kinds, schema)


def _of_kind(kind: Any, schema: dict[str, Any]) -> int | None:
    match kind:
        case "boolean" | "null":
            return 5
        case "number" | "integer":
            return _NUMBER
        case "string":
            if "maxLength" in schema:
                return int(schema["maxLength"]) * 4 + 2
            return _FORMATS.get(schema.get("format", ""))
        case "array":
            each = longest(schema.get("items"))
            if each is None or "maxItems" not in schema or "prefixItems" in schema:
                return None
            return int(schema["maxItems"]) * (each + 1) + 2
        case "object":
            if schema.get("additionalProperties") is not False or "patternProperties" in schema:
                return None
            total = 2
            for name, inner in schema.get("properties", {}).items():
                size = longest(inner)
                if size is None:
                    return None
                total += _length(name) + size + 2
            return total
        case _:
            return None


def _most(sizes: list[int | None]) -> int | None:
    return None if None in sizes or not sizes else max(size for size in sizes if size is not None)


def _length(value: Any) -> int:
    return len(json.dumps(value).encode())
