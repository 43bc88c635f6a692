"""Definitions drawn by chance: what is suggested keeps the data flow and the results."""

from __future__ import annotations

import copy
import random
from collections import Counter
from typing import Any

import pytest

from ai.optimisation.flow import trace
from core.models import User
from engine import registry
from tests.ai.optimisation.documents import Document, calls, definition, optimizer, step
from tests.support.cast import work
from tests.support.workflows import start

DRAWN = 300
RUN = 12
INPUTS = ({"id": 1}, {"id": 5})
KEYS = {"value", "x"}


def drawn(source: random.Random) -> Document:
    """Up to ten steps of every kind that runs without asking anybody, with all kinds of edges."""
    steps: list[Document] = []
    for n in range(source.randrange(2, 11)):
        earlier = [each["id"] for each in steps if each["step_type"] != "DECISION"]
        after = source.sample(
            [each["id"] for each in steps], min(len(steps), source.choice([0, 1, 1, 1, 2, 3]))
        )
        known = [each for each in earlier if each in _all_before(steps, after)]
        read = source.sample(known, min(len(known), source.choice([0, 0, 1, 1, 2])))
        steps.append(_step(source, f"s{n}", after, read))
    for each in steps:
        if each["step_type"] == "DECISION":
            _choose(source, each, steps)
    fields: Document = {}
    if source.random() < 0.6:
        chosen = source.sample(steps, min(len(steps), 2))
        fields["outputs"] = {
            each["id"]: f"has(steps.{each['id']}.output) ? steps.{each['id']}.output : null"
            for each in chosen
        }
    return definition(*steps, **fields)


def _step(source: random.Random, step_id: str, after: list[str], read: list[str]) -> Document:
    values = ", ".join(
        ["inputs.id", *(f"has(steps.{o}.output) ? steps.{o}.output : 'none'" for o in read)]
    )
    fields: Document = {"when": "inputs.id > 2"} if source.random() < 0.15 else {}
    if source.random() < 0.2:
        fields["retry"] = {"max_attempts": 2}
    match source.choice(["compute", "compute", "compute", "transform", "echo", "check", "choose"]):
        case "compute":
            fields |= calls("tests.compute", value=f"${{[{values}]}}")
        case "echo":
            fields |= calls("tests.echo", value=f"${{[{values}]}}")
        case "transform":
            fields |= {"step_type": "TRANSFORM", "config": {"output": {"x": f"[{values}]"}}}
        case "check":
            rule = {"expr": "size(value) > 0", "message": "empty"}
            config = {"value": f"${{[{values}]}}", "rules": [rule]}
            fields |= {"step_type": "VALIDATION", "config": config}
        case _:
            fields |= {"step_type": "DECISION", "config": {}}
    return step(step_id, *after, **fields)


def _choose(source: random.Random, decision: Document, steps: list[Document]) -> None:
    after = [each["id"] for each in steps if decision["id"] in each["dependencies"]]
    then = source.sample(after, source.randrange(len(after) + 1))
    decision["config"] = {"rules": [{"when": "inputs.id > 2", "then": then}], "default": after[:1]}


def _all_before(steps: list[Document], after: list[str]) -> set[str]:
    found: set[str] = set()
    todo = list(after)
    while todo:
        each = todo.pop()
        if each not in found:
            found.add(each)
            todo += next(s for s in steps if s["id"] == each)["dependencies"]
    return found


def patched(document: Document, operations: list[dict[str, Any]]) -> Document:
    """The document with a JSON Patch (RFC 6902) of the operations that suggestions use."""
    changed = copy.deepcopy(document)
    for operation in operations:
        *way, last = operation["path"].split("/")[1:]
        place: Any = changed
        for part in way:
            place = place[int(part)] if isinstance(place, list) else place[part]
        key: Any = int(last) if isinstance(place, list) else last
        match operation["op"]:
            case "test":
                assert place[key] == operation["value"]
            case "remove":
                del place[key]
            case "replace":
                assert key in place
                place[key] = operation["value"]
            case "add":
                assert isinstance(place, dict)
                assert key not in place
                place[key] = operation["value"]
            case other:
                raise AssertionError(other)
    return changed


def flows(document: Document) -> set[tuple[str, str]]:
    """(reader, step read): the data dependencies; of the outputs too."""
    flow = trace(document, executors=registry.executors())
    return {(read.reader, other) for other, reads in flow.reads.items() for read in reads}


def alternatives(document: Document) -> list[tuple[Document, set[str]]]:
    """The definition with each suggestion, and with all of them; and the steps that went."""
    suggestions = optimizer().optimize(document)
    found = []
    for suggestion in suggestions:
        assert suggestion.candidate.equivalent
        changed = patched(document, suggestion.patch)
        assert changed == suggestion.candidate.document
        found.append((changed, set(suggestion.candidate.removed)))
    if suggestions:
        every, _ = optimizer().apply(document, [each.candidate.id for each in suggestions])
        gone = {each for s in suggestions for each in s.candidate.removed}
        found.append((every, gone))
    return found


def test_every_patch_keeps_the_data_flow() -> None:
    made = 0
    for number in range(DRAWN):
        document = drawn(random.Random(number))
        for changed, gone in alternatives(document):
            made += 1
            kept = {(r, o) for r, o in flows(document) if r not in gone and o not in gone}
            assert flows(changed) == kept, number
    assert made > DRAWN / 3, "the definitions give nothing to suggest"


@pytest.mark.django_db
def test_every_patch_keeps_the_results(user: User) -> None:
    compared = completed = 0
    ended = Counter[str]()
    for number in range(RUN):
        document = drawn(random.Random(number))
        others = alternatives(document)
        for inputs in INPUTS if others else ():
            expected = work(start(document, user=user, data=inputs))
            for changed, _ in others:
                run = work(start(changed, user=user, data=inputs))
                assert (run.status, run.error_code, run.results) == (
                    expected.status,
                    expected.error_code,
                    expected.results,
                ), number
                compared += 1
                completed += run.status == "completed"
                ended[f"{run.status} {run.error_code} {run.error_message}"] += 1
    assert compared > RUN
    assert completed > compared / 2, ended
