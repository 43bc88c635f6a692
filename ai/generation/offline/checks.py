"""What a requirement says must hold: limits of values, and what must be given."""

from __future__ import annotations

import re
from dataclasses import replace

from ai.generation.offline import people, vocabulary
from ai.generation.offline.conditions import Condition, Finder
from ai.generation.offline.fields import matching
from ai.generation.offline.plan import Check, Plan

_PRESENT = re.compile(
    r"\b(?:the |an? |every |each )?(?P<subject>[\w' ]{2,40}?)\s+(?:(?:is|are|was|has been|must be|must not be"
    r"|has to be|may not be|cannot be|isn't|is not)\s+)+(?P<what>required|mandatory|present|given|filled in"
    r"|empty|missing|blank|provided|there|stated)\b",
    re.I,
)
_ALL_REQUIRED = re.compile(
    r"\ball (?:\w+ )?(?:are|fields are|of them are|is) (?:required|mandatory)", re.I
)
_WITHOUT = re.compile(
    r"\b(?:without|missing|lacking) (?:an?|the|any)? ?(?P<subject>[\w' ]{2,40})", re.I
)
_EMAIL = re.compile(
    r"\bemail(?: address)?\b[^.]*\b(?:valid|correct|looks|plausible|well-formed)|\bvalid email",
    re.I,
)
_ACTIVE = re.compile(
    r"\b(?:verif\w+|check|make sure|ensure|confirm)\w* that (?P<what>[^,;]+)", re.I
)
_COMPLETE = re.compile(
    r"\b(?:check|verif|validat)\w*\b[^.;]*\b(?:complete|completeness|nothing is missing|all fields)",
    re.I,
)
_LENGTH = re.compile(r"\b(?:characters?|letters?|digits?)\b", re.I)
_NONE_WITHOUT = re.compile(
    r"^no \w+(?: \w+)? without (?:an?|the|any)? ?(?P<subject>[\w' ]{2,40}?) (?:is|are|may|can|will)\b",
    re.I,
)
_UNDER_CONDITION = re.compile(r"\s*(?:if|when|whenever|in case|where|unless)\b", re.I)


def is_check(
    condition: Condition, piece: str, rest: list[str], persons: list[people.Person]
) -> bool:
    """Whether a condition is one that must hold, and no case of several."""
    if condition.is_rest or persons or _UNDER_CONDITION.match(piece):
        return False
    if not (vocabulary.MUST.search(piece) or vocabulary.FORBIDDING.search(piece)):
        return False
    return not any(people.deciders(other) for other in rest[1:2]) or bool(
        re.match(r".*\b(?:must|has to|have to|needs to|should) (?:be|have)\b", piece, re.I)
    )


def limits(condition: Condition, piece: str, shown: str) -> list[Check]:
    """What must hold where a part of a sentence states a condition: each bound on its own."""
    start, end = condition.span
    # The condition has read the negations within its words.
    if vocabulary.FORBIDDING.search(piece[:start] + " " + piece[end:]):
        condition = condition.opposite()
    single = [replace(condition, joined=()), *(other for _, other in condition.joined)]
    apart = all(link == "&&" for link, _ in condition.joined)
    return [
        Check(
            said=shown, kind="rule", subject=held.subject, condition=held,
            length=bool(_LENGTH.search(piece)),
        )
        for held in (single if apart else [condition])
    ]  # fmt: skip


def presence(plan: Plan, finder: Finder, sentence: str, shown: str) -> bool:
    """Takes over what must be given; whether the sentence says no more than that."""
    every = [*plan.fields, *plan.columns]
    if _ALL_REQUIRED.search(sentence) or _COMPLETE.search(sentence):
        plan.checks += [Check(said=shown, kind="present", subject=f.name) for f in plan.fields]
        return not people.deciders(sentence)
    if _EMAIL.search(sentence) and re.search(
        r"\b(?:valid|sure|check|verif|looks|plausible)", sentence, re.I
    ):
        item = next((f for f in every if "email" in f.name), None)
        if item is not None:
            plan.checks.append(Check(said=shown, kind="email", subject=item.name))
            return not people.deciders(sentence)
    if found := _NONE_WITHOUT.search(sentence):
        item = matching(found["subject"], every)
        if item is not None:
            plan.checks.append(Check(said=shown, kind="present", subject=item.name))
            return True
    if (found := _WITHOUT.search(sentence)) and re.search(
        r"\b(?:reject|refus|declin|return|not accept|deny|denied|discard|invalid|stop)",
        sentence,
        re.I,
    ):
        item = matching(found["subject"], every)
        if item is not None:
            plan.checks.append(Check(said=shown, kind="present", subject=item.name))
            return True
    reads = any(call.reads for call in plan.calls)
    if reads and re.search(r"\bnot (?:be )?(?:empty|blank|missing)\b", sentence, re.I):
        plan.checks.append(Check(said=shown, kind="answered"))
        return False
    found = _PRESENT.search(sentence)
    if found and (vocabulary.MUST.search(sentence) or re.search(r"\bcheck", sentence, re.I)):
        item = matching(found["subject"], every)
        if item is not None and not finder.find(sentence[found.end() :]):
            plan.checks.append(Check(said=shown, kind="present", subject=item.name))
            return not people.deciders(sentence)
    if found := _ACTIVE.search(sentence):
        about = found["what"]
        subject = matching(about, plan.fields)
        if reads and (subject is None or "URL" not in sentence):
            plan.checks.append(Check(said=shown, kind="answered"))
            plan.unmet.append((
                shown,
                "Which part of the answer says so is not known: the step checks that there is an "
                "answer. Add a rule on its fields.",
            ))  # fmt: skip
            return not people.deciders(sentence) and not numbers(sentence)
    return False


def numbers(sentence: str) -> bool:
    """Whether a sentence states any number."""
    return bool(re.search(r"\d", re.sub(r"\bURL\d+", "", sentence)))
