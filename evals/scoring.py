"""What a generator makes of the requirements in `generation.jsonl`, scored one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ai.generation import services
from ai.generation.errors import RequirementsRefused
from ai.generation.generator import Requirements
from core.errors import PlatformError
from core.models import Organisation, User
from core.organisations import personal_organisation
from engine import definitions
from engine.definition import InvalidDefinition
from evals import coverage, running

CASES = Path(__file__).parent / "generation.jsonl"
Expected = Literal["draft", "vague", "contradictory", "impossible"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One requirement. `asks`: elements that a draft must hold, as `coverage` reads them."""

    id: str
    field: str
    text: str
    expect: Expected
    asks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What came of it.

    Attributes:
        refused: the code of a typed refusal, or "".
        error: any other failure: of the model, or of a draft that is not valid.
        valid: the parser takes the definition; runs: the engine brings it to its end, whichever
            way persons choose; missing: elements that it does not hold.
    """

    case: Case
    refused: str = ""
    error: str = ""
    valid: bool = False
    fault: str = ""
    missing: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether it is what the case asks for."""
        if self.case.expect != "draft":
            return bool(self.refused)
        return self.valid and not (self.fault or self.missing or self.error or self.refused)

    @property
    def right_reason(self) -> bool:
        """Whether a refusal names the reason that the case states."""
        return self.refused == f"requirements_{self.case.expect}"


def read(path: Path = CASES) -> list[Case]:
    """The cases of a file."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    return [Case(**{**row, "asks": tuple(row["asks"])}) for row in rows]


def scored(cases: Sequence[Case], user: User) -> Iterator[Score]:
    """Generates and scores each case, with the configured provider, in the user's name."""
    organisation = personal_organisation(user)
    with running.nothing_leaves():
        for case in cases:
            yield _score(case, user, organisation)


def _score(case: Case, user: User, organisation: Organisation) -> Score:
    try:
        generation = services.draw_up(
            requirements=Requirements(text=case.text), user=user, organisation=organisation
        )
    except RequirementsRefused as error:
        return Score(case=case, refused=error.code)
    except PlatformError as error:
        return Score(case=case, error=f"{error.code}: {[p.message for p in error.problems][:3]}")
    draft = generation.draft
    if case.expect != "draft":
        return Score(case=case, valid=True)
    try:
        definitions.parse(draft.definition)
    except InvalidDefinition as error:
        return Score(case=case, error=f"{error.code}: {[p.message for p in error.problems][:3]}")
    workflow = services.keep_draft(generation, user=user, organisation=organisation)
    faults = (running.fault(workflow, user, last=last) for last in (False, True))
    found = {
        "definition": draft.definition,
        "not_covered": draft.not_covered,
        "schedule": draft.schedule,
    }
    return Score(
        case=case,
        valid=True,
        fault=next(filter(None, faults), ""),
        missing=tuple(coverage.missing(found, list(case.asks))),
    )


def table(scores: Sequence[Score]) -> str:
    """The figures by field and in all, and what went wrong."""
    fields = list(dict.fromkeys(score.case.field for score in scores))
    lines = [f"{'field':24}{'valid':>7}{'run':>7}{'cover':>7}{'good':>9}{'refused':>12}"]
    for name in [*fields, "all"]:
        own = [s for s in scores if name in ("all", s.case.field)]
        clear = [s for s in own if s.case.expect == "draft"]
        others = [s for s in own if s.case.expect != "draft"]
        lines.append(
            f"{name:24}"
            f"{sum(s.valid for s in clear):>7}"
            f"{sum(s.valid and not s.fault for s in clear):>7}"
            f"{sum(s.valid and not s.missing for s in clear):>7}"
            f"{sum(s.good for s in clear):>5}/{len(clear):<3}"
            f"{sum(bool(s.refused) for s in others):>8}/{len(others):<3}"
        )
    others = [s for s in scores if s.case.expect != "draft"]
    reasons = sum(s.right_reason for s in others)
    lines.append(f"Refused for the stated reason: {reasons}/{len(others)}.")
    lines += [
        f"{s.case.id}: {s.refused or s.error or s.fault or ', '.join(s.missing) or 'not refused'}"
        for s in scores
        if not s.good
    ]
    return "\n".join(lines)
