"""Names found by presidio: merged with our own findings, replaced, and back in the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from ai.calls import Answer
from ai.checks import presidio_is_installed
from ai.errors import DetectorMissing
from ai.prompts import new_prompt
from ai.safety import presidio
from ai.safety.detection import BUILT_IN
from ai.safety.findings import Finding, Kind, merged
from ai.safety.guard import Guard, Policy
from ai.safety.manager import policy_of
from ai.safety.presidio import PresidioDetector
from workflow_platform.local import prepare

TEXT = "Ada Lovelace <ada@example.org> moved to London. Ask Ada Lovelace."
NAMES = {"PERSON": r"Ada Lovelace(?: <[^>]*>)?|Lovelace", "LOCATION": "London", "DATE_TIME": "Ask"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    entity_type: str
    start: int
    end: int


class Names:
    """Takes the words of a list for names, as presidio's engine would answer."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def analyze(self, *, text: str, language: str, entities: list[str]) -> list[Any]:
        assert (language, entities) == ("en", ["PERSON", "LOCATION", "NRP"])
        self.lengths.append(len(text))
        return [
            Result(entity_type=name, start=found.start(), end=found.end())
            for name, pattern in NAMES.items()
            for found in re.finditer(pattern, text)
        ]


def guard(text: str, detector: PresidioDetector) -> Guard:
    policy = Policy(kinds=BUILT_IN, own=(), further=detector.find)
    return Guard(new_prompt(text, timeout=5.0), policy=policy, scope="")


def test_names_and_addresses_are_replaced_and_restored() -> None:
    protected = guard(TEXT, PresidioDetector(Names(), language="en"))
    assert protected.prompt.text == (
        "[PERSON_1] <[EMAIL_1]> moved to [LOCATION_1]. Ask [PERSON_1]."
    )
    said = "[PERSON_1] lives in [location 1]."
    answer = Answer(
        text=said, data=None, model="m", provider="p", notice="", tokens=None, cost_usd=None
    )
    assert protected.answer(answer).text == "Ada Lovelace lives in London."


@pytest.mark.parametrize(
    ("known", "further", "expected"),
    [
        ([], [(0, 5)], [(0, 5)]),
        ([(2, 4)], [(2, 4)], [(2, 4)]),
        ([(2, 4)], [(0, 6)], [(0, 2), (2, 4), (4, 6)]),
        ([(2, 4)], [(3, 6)], [(2, 4), (4, 6)]),
        ([(0, 2), (4, 6)], [(1, 5)], [(0, 2), (2, 4), (4, 6)]),
        ([(0, 2)], [(1, 3), (6, 9)], [(0, 2), (2, 3), (7, 8)]),
    ],
)
def test_ours_come_first_and_the_rest_is_kept(
    known: list[tuple[int, int]],
    further: list[tuple[int, int]],
    expected: list[tuple[int, int]],
) -> None:
    ours = [Finding(Kind.EMAIL, *span) for span in known]
    theirs = [Finding(Kind.PERSON, *span) for span in further]
    found = merged("abcdef(h)", ours, theirs)
    assert [(each.start, each.end) for each in found] == expected


def test_long_texts_are_read_in_pieces() -> None:
    names = Names()
    text = "word " * 25_000 + "Ada Lovelace " + "x" * (presidio.MAX_PIECE + 1) + " London"
    found = PresidioDetector(names, language="en").find(text)
    assert [text[each.start : each.end] for each in found] == ["Ada Lovelace", "London"]
    assert max(names.lengths) <= presidio.MAX_PIECE


def test_what_is_not_installed_is_told_at_the_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert presidio_is_installed() == []
    settings.REDACTION_PRESIDIO = True
    monkeypatch.setattr(presidio, "find_spec", lambda name: None)
    [error] = presidio_is_installed()
    assert (error.id, error.msg) == (
        "workflow_ai.E001",
        "REDACTION_PRESIDIO is set, and presidio-analyzer is not installed.",
    )
    presidio.load.cache_clear()
    with pytest.raises(DetectorMissing, match="presidio-analyzer is not installed"):
        policy_of(new_prompt("Hello.", timeout=5.0))


@pytest.mark.django_db
def test_the_platform_does_not_start_without_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare.main() == 0
    settings.REDACTION_PRESIDIO = True
    monkeypatch.setattr(presidio, "find_spec", lambda name: None)
    assert prepare.main() == 1
    assert "presidio-analyzer is not installed" in capsys.readouterr().err


def test_a_step_that_may_send_names_is_not_looked_at(settings: Settings) -> None:
    settings.REDACTION_PRESIDIO, settings.AI_REDACT_OPTIONAL = True, True
    assert policy_of(new_prompt("Hello.", timeout=5.0, redact=False)).further is None


def test_presidio_itself(settings: Settings, tmp_path: Path) -> None:
    """The package, with a model of rules: it finds what the rules say."""
    pytest.importorskip("presidio_analyzer", reason="requirements-presidio.txt is not installed")
    model = pytest.importorskip("spacy").blank("en")
    model.add_pipe("entity_ruler").add_patterns(
        [
            {"label": "PERSON", "pattern": "Ada Lovelace"},
            {"label": "GPE", "pattern": "London"},
            {"label": "NORP", "pattern": "Quakers"},
            {"label": "DATE", "pattern": "Monday"},
        ]
    )
    model.to_disk(tmp_path / "model")
    settings.REDACTION_PRESIDIO = True
    settings.REDACTION_PRESIDIO_MODEL = "no_such_model"
    assert "no_such_model is not installed" in presidio_is_installed()[0].msg
    settings.REDACTION_PRESIDIO_MODEL = str(tmp_path / "model")
    assert presidio_is_installed() == []
    presidio.load.cache_clear()
    question = new_prompt(f"{TEXT} Monday, with Quakers.", timeout=5.0)
    protected = Guard(question, policy=policy_of(question), scope="")
    presidio.load.cache_clear()
    assert protected.prompt.text == (
        "[PERSON_1] <[EMAIL_1]> moved to [LOCATION_1]. Ask [PERSON_1]. Monday, with [GROUP_1]."
    )
