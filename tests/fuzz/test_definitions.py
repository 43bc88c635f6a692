"""1,000 malformed definitions through the API: a clear 4xx each, and nothing is stored."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from engine.models import Workflow, WorkflowVersion
from tests.fuzz.documents import RAW, WAYS, by_chance, right, text_of
from tests.support.cast import Cast


def post(cast: Cast, raw: bytes, path: str = "workflows") -> Any:
    return cast.owner.api.post(f"/api/v1/{path}", raw, content_type="application/json")


def stored() -> tuple[int, int]:
    return Workflow.objects.count(), WorkflowVersion.objects.count()


def check_refusal(answer: Any, raw: bytes) -> None:
    """A 4xx in the one form, whose problems say where."""
    assert 400 <= answer.status_code < 500, (answer.status_code, raw[:2000])
    said = answer.json()
    assert said.keys() == {"code", "message", "details"}, said
    assert said["code"]
    assert said["message"]
    assert all(each.keys() == {"path", "message"} for each in said["details"])
    if said["code"] == "invalid_definition":
        assert said["details"]
        assert all(each["message"] for each in said["details"])


def test_right_ones_are_accepted(cast: Cast, fuzz: random.Random) -> None:
    """Else what follows would prove nothing."""
    for _ in range(20):
        document = right(fuzz)
        answer = post(cast, text_of(document).encode())
        assert answer.status_code == 201, (answer.json(), document)


@pytest.mark.parametrize("way", WAYS)
def test_malformed(cast: Cast, fuzz: random.Random, amount: Callable[[int], int], way: str) -> None:
    before = stored()
    for _ in range(max(1, amount(1000) // 50)):
        document = right(fuzz)
        WAYS[way](document, fuzz)
        raw = text_of(document).encode()
        check_refusal(post(cast, raw), raw)
    assert stored() == before


@pytest.mark.parametrize("way", RAW)
def test_no_json(cast: Cast, fuzz: random.Random, way: str) -> None:
    before = stored()
    raw = RAW[way](text_of(right(fuzz)))
    for path in ("workflows", "workflows/validate", "workflows/plan"):
        check_refusal(post(cast, raw, path), raw)
    assert stored() == before


@pytest.mark.timeout(1800)
def test_by_chance(cast: Cast, fuzz: random.Random, amount: Callable[[int], int]) -> None:
    """Right by luck is accepted and stored once; anything else leaves nothing."""
    refused = 0
    wanted = amount(1000)
    expected = stored()
    while refused < wanted:
        raw = text_of(by_chance(fuzz, right(fuzz))).encode()
        answer = post(cast, raw)
        if answer.status_code == 201:
            expected = (expected[0] + 1, expected[1] + 1)
        else:
            refused += 1
            check_refusal(answer, raw)
        assert stored() == expected, raw
