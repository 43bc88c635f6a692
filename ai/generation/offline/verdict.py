"""Whether a requirement can be drawn up: clear, vague, contradictory or impossible, and why."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from ai.generation.offline.plan import Approval, Plan, Route
from ai.generation.offline.words import Text, stems

Kind = Literal["clear", "vague", "contradictory", "impossible"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The verdict. `questions`: what the author should say."""

    kind: Kind
    reason: str = ""
    questions: tuple[str, ...] = ()


_IMPOSSIBLE: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"\btime.?travel|\btravel\w* (?:back |forward )?in(?:to)? (?:time|the (?:past|future))"
            r"|\bback in time\b|\bbefore (?:it|they|he|she) (?:has|have|had) (?:been|even|ever)\b"
            r"|\b(?:yesterday|last (?:week|month|year))'?s? .{0,40}\b(?:change|undo|prevent)\b"
            r"|\b(?:finish|deliver|answer|complete)\w* .{0,30}\bbefore (?:it|they) (?:starts?|begins?|is asked"
            r"|are asked|is ordered|are ordered|is placed|arrives?)\b",
            re.I,
        ),
        "Nothing can be done before what it depends on has happened.",
    ),
    (
        re.compile(
            r"\b(?:read|scan|know|record|see|detect)\w*\b[^.]{0,60}\b(?:minds?|thoughts?|secretly thinks?"
            r"|truly thinks?|really thinks?|truly feels?)\b|\btelepath|\bclairvoyan|\bcrystal ball",
            re.I,
        ),
        "No system knows what people think and do not say.",
    ),
    (
        re.compile(
            r"\b(?:predict|foresee|forecast|know|tell)\w*\b[^.]{0,40}\b(?:exact\w*|certain\w*|precise\w*|100 ?%"
            r"|without (?:any )?error|lottery|in advance who)\b|\bguarantee\w*\b[^.]{0,80}\b(?:never|no one|nobody"
            r"|always|certain\w*|every|no \w+ (?:will|ever)|100 ?%|forever)\b|\b(?:winning )?lottery numbers\b"
            r"|\bcommit a crime\b|\bbefore (?:the|a) crime\b",
            re.I,
        ),
        "The future cannot be known, and nothing about it can be guaranteed.",
    ),
    (
        re.compile(
            r"\bteleport|\bfaster than light|\bperpetual motion|\binfinite (?:money|storage|time|energy)"
            r"|\braise the dead|\bbring\w* .{0,30}\bback to life|\b(?:be|stand) in two places|\bstop (?:the )?time\b"
            r"|\bimmortal|\bmake (?:it|the sun) (?:rain|stop)|\bcontrol(?:s)? the weather|\bdisappear\w* physically"
            r"|\bmagic(?:al)?(?:ly)?\b",
            re.I,
        ),
        "This is not possible in the physical world.",
    ),
    (
        re.compile(
            r"\bhack\w*|\bbreak into\b|\bsteal\w*|\bstolen\b|\bforg(?:e|ing|ed|ery)\b|\bbrib\w+|\bblackmail\w*"
            r"|\blaunder\w*|\bphishing|\bspy(?:ing)? on\b|\bransom\w*|\bevad\w+ tax|\btax evasion|\bembezzl\w*"
            r"|\bfalsif\w+|\bfabricat\w+ (?:evidence|results|documents|receipts|invoices)|\bfake (?:invoices?|receipts?"
            r"|signatures?|certificates?|reviews?|documents?|passports?|diplomas?)"
            r"|\bwithout (?:his|her|their|the \w+'s|the \w+|anyone'?s?|anybody'?s?) (?:permission|consent|knowledge|knowing)\b"
            r"|\bsecretly (?:record|monitor|read|copy|access|film|track)\w*|\bwiretap\w*|\bmalware\b|\bstalk\w*\b"
            r"|\bcrack (?:the )?passwords?\b|\bbypass\w* (?:the )?(?:law|police|security|authentication)\b",
            re.I,
        ),
        "This would break the law or betray the persons concerned; it is not drawn up.",
    ),
)
_FORBIDS = re.compile(
    r"\bnever\b|\b(?:must|may|can|should|shall) ?(?:not|n't)\b|\bcannot\b|\bcan't\b|\bmustn't\b"
    r"|\bno \w+ (?:may|must|can|is|are|should|shall|will|gets?|ever)\b|\bnobody\b|\bno one\b"
    r"|\b(?:is|are) (?:forbidden|prohibited|banned)\b|\b(?:is|are)(?: not|n't) (?:allowed|permitted)\b"
    r"|\bnot be\b|\bunder no circumstances\b|\bdo(?:es)? not\b|\bdon't\b|\bdoesn't\b",
    re.I,
)
_DEMANDS = re.compile(
    r"\b(?:must|has to|have to|needs? to|shall|always|required?s?|mandatory|every|all|each)\b", re.I
)
_MODAL_WORDS = frozenset(
    """must has have to need shall should always never not no may can all every each any only be been
    anybody anyone nobody person people also is are they them it at once before after then than more
    less above below under over longer cannot do does ever somebody someone without circumstance goe
    out one who""".split()
)
_NO_PEOPLE = re.compile(
    r"\b(?:without (?:any )?|no |zero )(?:human|person|people|manual|humans|persons?)"
    r"(?: being)?s?\s*(?:\w+ )?(?:involv\w+|interven\w+|interact\w+|approv\w+|decision\w*|review\w*|check\w*"
    r"|may|should|must|is|are|at all|ever)\b|\bfully automatic\w*,? (?:with|and) no\b",
    re.I,
)
_QUESTIONS = (
    ("data", "Which data does each run start with (names of the values, a file, an address)?"),
    ("action", "What is to be checked, computed, written or decided, and by which limits?"),
    ("people", "Who decides or is asked, and what happens with each answer?"),
)


def judge(text: Text, plan: Plan) -> Verdict:
    """The verdict on a requirement that was read."""
    whole = " ".join(text.sentences)
    for pattern, reason in _IMPOSSIBLE:
        if found := pattern.search(whole):
            return Verdict(kind="impossible", reason=f"{reason} (The words: '{found[0][:80]}'.)")
    if contradiction := next(_contradictions(text, plan), None):
        return Verdict(
            kind="contradictory",
            reason=contradiction,
            questions=("Which of the two holds, or for which cases does each hold?",),
        )
    if not plan.does_something or not (_substance(plan)):
        missing = [question for _, question in _QUESTIONS]
        if plan.fields:
            missing = missing[1:]
        return Verdict(
            kind="vague",
            reason=(
                f"Too little of the text is understood to draw up steps; for one, '{plan.left[0][:200]}'."
                if plan.left
                else "The text does not say enough to draw up steps."
            ),
            questions=tuple(missing),
        )
    return Verdict(kind="clear")


def _substance(plan: Plan) -> bool:
    """Whether what is done has something that it is done with."""
    has_data = bool(plan.fields or plan.columns or any(call.reads for call in plan.calls))
    return has_data or bool(plan.calls) or len(plan.flow) > 1


def _contradictions(text: Text, plan: Plan) -> Iterator[str]:
    yield from _opposite_statements(text)
    yield from _empty_ranges(plan)
    yield from _opposite_branches(plan)
    whole = " ".join(text.sentences)
    if (found := _NO_PEOPLE.search(whole)) and (asked := _approvals(plan)):
        yield f"'{found[0]}', but '{asked[0].role}' is asked to decide."


def _opposite_statements(text: Text) -> Iterator[str]:
    statements = [
        clause.strip()
        for sentence in text.sentences
        for clause in re.split(
            r",\s*(?:and|but|while|yet)\s+|\s+but\s+|;\s*|,\s*(?=no\b)", sentence
        )
        if _FORBIDS.search(clause) or _DEMANDS.search(clause)
    ]
    for one, other in combinations(statements, 2):
        negative = bool(_FORBIDS.search(one)), bool(_FORBIDS.search(other))
        if negative[0] == negative[1]:
            continue
        demanded = other if negative[0] else one
        if not _DEMANDS.search(demanded):
            continue
        if set(re.findall(r"\d+(?:\.\d+)?", one)) != set(re.findall(r"\d+(?:\.\d+)?", other)):
            continue
        words, others = _content(one), _content(other)
        common = words & others
        if len(common) >= 2 and len(common) >= 0.5 * min(len(words), len(others)):
            yield f"'{text.shown(one)[:200]}' and '{text.shown(other)[:200]}' cannot both hold."


def _content(clause: str) -> set[str]:
    return {
        word[:-2] if word.endswith("ed") and len(word) > 4 else word
        for word in stems(clause)
        if word not in _MODAL_WORDS and not word.isdigit()
    }


def _empty_ranges(plan: Plan) -> Iterator[str]:
    low: dict[str, float] = defaultdict(lambda: -math.inf)
    high: dict[str, float] = defaultdict(lambda: math.inf)
    for check in plan.checks:
        condition = check.condition
        if condition is None or not condition.values or condition.joined:
            continue
        first, last = condition.values[0], condition.values[-1]
        if condition.operator in (">", ">=", "==", "between"):
            low[condition.subject] = max(low[condition.subject], first)
        if condition.operator in ("<", "<=", "==", "between"):
            high[condition.subject] = min(high[condition.subject], last)
        if low[condition.subject] > high[condition.subject]:
            name = condition.subject.replace("_", " ")
            yield (
                f"The {name} cannot be at least {low[name.replace(' ', '_')]:g} and at most"
                f" {high[name.replace(' ', '_')]:g}."
            )


def _opposite_branches(plan: Plan) -> Iterator[str]:
    for route in (item for item in plan.flow if isinstance(item, Route)):
        seen: dict[tuple[object, ...], bool] = {}
        for branch in route.branches:
            condition = branch.condition
            if condition.is_rest:
                continue
            key = (replace(condition, subject="", span=(0, 0), said=""),)
            if key in seen and seen[key] != branch.rejects and (branch.rejects or branch.label):
                yield f"The same case is let through and turned down: '{branch.said[:200]}'."
            seen.setdefault(key, branch.rejects)


def _approvals(plan: Plan) -> list[Approval]:
    found = [item for item in plan.flow if isinstance(item, Approval)]
    for route in (item for item in plan.flow if isinstance(item, Route)):
        found += [approval for branch in route.branches for approval in branch.approvals]
    return found
