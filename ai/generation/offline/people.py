"""Whom a requirement asks to decide, and between what."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ai.generation.offline import vocabulary
from ai.generation.offline.words import bare, stem

_DECIDING = re.compile(vocabulary.DECIDING, re.I)
_SENDING_TO = re.compile(
    rf"\b{vocabulary.SENDING_TO}\s+(?:to|up to|with|by)\s+(?:an?|the|our)?\s*$", re.I
)
_ASKING = re.compile(rf"{vocabulary.ASKING}\s+(?:an?|the|our|their|also|only)?\s*$", re.I)
_GIVING = re.compile(rf"^\s*(?:\w+ ){{0,1}}{vocabulary.GIVING}\b", re.I)
_FILLING = re.compile(r"^\s*to (?:fill|enter|provide|state|give|supply|submit)\b", re.I)
_WORD = re.compile(r"[A-Za-z][\w'-]*")
_FOR = re.compile(
    r"\b(?:for|of|about|from|inform|notify|tell|toward|towards|on behalf of)\s+(?:an?|the|our)?\s*$",
    re.I,
)
_EITHER = re.compile(
    r"\b(?:whether to|chooses? (?:to|between)|what to do:?|either|one of:?|picks?:?|decides? (?:to|between)"
    r"|options?:?|or to)\s*:?\s*(?P<list>[\w ,/-]+)",
    re.I,
)
_OR = re.compile(
    r"\b(?:either |to |must |can |may |should )?(?P<a>[a-z]+(?: back)?)(?: (?:it|them|him|her|the [\w]+|this))?"
    r",? or (?:to |else )?(?P<b>[a-z]+(?: (?:it|them) back| back)?)\b",
    re.I,
)
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("es", "e"), ("s", ""))
_FUNCTION_WORDS = frozenset(
    "the a an it of to is are in on at above below more less over under under both either not them"
    " low medium high by".split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who decides. `role`: as the text has it; `at`: where in the sentence it stands."""

    role: str
    at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One way in which a person decides. `negative`: nothing goes on after it."""

    value: str
    label: str
    negative: bool = False


YES_NO = (
    Choice(value="approve", label="Approve"),
    Choice(value="reject", label="Reject", negative=True),
)


def deciders(text: str) -> list[Person]:
    """The persons who decide something in this part of a sentence, in order."""
    found = []
    for person, end in _roles(text):
        before, after = text[: person.at], text[end:]
        # A possessive is a role too: `the manager's approval`.
        if _FILLING.match(after):
            continue
        head = stem(_WORD.findall(person.role)[-1])
        direct = bool(_DECIDING.match(after[:40].lstrip(" '"))) or bool(
            re.match(
                r"(?:'s?)?\s*(?:\w+\s+){0,3}(?:" + vocabulary.DECIDING + r"|declare|does\b|is asked"
                r"|(?:is|are|must be|has to be|have to be|should be|gets?|needs to be) (?:asked|consulted|involved)"
                r"|who (?:\w+ )?decides|has the (?:last|final) (?:word|say)|takes over)",
                after,
                re.I,
            )
            or re.match(
                r"\s*(?:must|has to|have to|should|needs? to|shall|will)\s+(?:\w+\s+){0,6}(?:"
                + vocabulary.DECIDING
                + ")",
                after,
                re.I,
            )
        )
        if head in vocabulary.OTHER_PEOPLE:
            if direct and not _GIVING.match(after):
                found.append(person)
            continue
        if re.match(r"\s*(?:\w+ )?" + vocabulary.GIVING, after, re.I) and not direct:
            continue
        if direct:
            found.append(person)
        elif _FOR.search(before):
            passive = re.search(vocabulary.DECIDING, before, re.I)
            if re.search(
                r"\b(?:approval|consent|permission|decision|confirmation|signature|ok|sign-off"
                r"|agreement|review|authori[sz]ation) (?:of|from)\s+(?:an?|the|our)?\s*$",
                before,
                re.I,
            ) or (passive and re.search(r"\bfor (?:approval|decision|review)\b", after, re.I)):
                found.append(person)
        elif re.search(r"\bby\s+(?:an?|the|our|another)?\s*$", before, re.I):
            if (
                re.match(r"\s*(?:\w+\s+){1,3}by\s+(?:an?|the|our)?\s*$", before, re.I)
                or _DECIDING.search(before)
                or re.search(r"\bhandled|looked\b", before)
            ):
                found.append(person)
        elif (
            _SENDING_TO.search(before)
            or _ASKING.search(before)
            or re.search(r"\b(?:it is|is|by|to|turn of)\s+(?:an?|the|our)?\s*$", before, re.I)
            or (
                re.search(r"\b(?:means?|then|otherwise|,)\s+(?:an?|the|our)?\s*$", before, re.I)
                and _DECIDING.search(text)
            )
        ) or (
            re.search(r"\bdecision|approval|final say|up to\b", text, re.I)
            and not _GIVING.match(after)
        ):
            found.append(person)
    return found


def _roles(text: str) -> list[tuple[Person, int]]:
    """Every role that the text names, with where it ends."""
    words = list(_WORD.finditer(text))
    found: list[tuple[Person, int]] = []
    taken, reached = -1, 0
    for n, word in enumerate(words):
        base = stem(re.sub(r"'s?$", "", word[0]).lower())
        if (
            n <= taken
            or word.start() < reached
            or not (base in vocabulary.ROLE_HEADS or base in vocabulary.OTHER_PEOPLE)
        ):
            continue
        if base in ("human", "person") and n and words[n - 1][0].lower() == "no":
            continue
        last = n
        # `billing office`, `team lead`: the last of neighbouring heads is the head.
        while (
            last + 1 < len(words)
            and stem(re.sub(r"'s?$", "", words[last + 1][0]).lower()) in vocabulary.ROLE_HEADS
            and text[words[last].end() : words[last + 1].start()] == " "
            and not words[last][0].endswith("'s")
        ):
            last += 1
        first = n
        while (
            first > 0
            and n - first < 2
            and text[words[first - 1].end() : words[first].start()] in (" ", "-")
            and _modifies(words[first - 1][0])
        ):
            first -= 1
        end = words[last].end()
        role = text[words[first].start() : end]
        tail = re.match(r" of (?:the )?([a-z]+)\b", text[end:])
        if tail and base in (
            "head",
            "director",
            "chief",
            "board",
            "manager",
            "leader",
            "lead",
            "team",
        ):
            name = tail[1].split()
            reach = tail[0].index(name[0]) + len(name[0])
            role += tail[0][:reach]
            end += reach
        taken, reached = last, end
        role = bare(re.sub(r"'s?$", "", role))
        found.append((Person(role=role.lower(), at=words[first].start()), end))
    return found


def _modifies(word: str) -> bool:
    word = word.lower()
    if word in vocabulary.ROLE_MODIFIERS_NOT or "'" in word:
        return False
    return not re.search(vocabulary.DECIDING, word) or word in ("on-call",)


def choices(text: str) -> tuple[Choice, ...]:
    """The ways in which the person in this part of a sentence decides."""
    for found in _EITHER.finditer(text):
        listed = _listed(found["list"])
        if len(listed) >= 2:
            return listed
    for found in _OR.finditer(text):
        a, b = found["a"].lower(), found["b"].lower()
        if a in _FUNCTION_WORDS or b in _FUNCTION_WORDS or a.isdigit() or b.isdigit():
            continue
        if not (_is_verb(a, text) and _is_verb(b, text)):
            continue
        return _distinct([_choice(a), _choice(b)])
    if re.search(r"\bwhether\b", text, re.I) and not re.search(
        vocabulary.DECIDING.replace("decid\\w*", "zzz"), text, re.I
    ):
        return (
            Choice(value="yes", label="Yes"),
            Choice(value="no", label="No", negative=True),
        )
    return YES_NO


def _is_verb(word: str, text: str) -> bool:
    base = _base(word)
    known = _base(word.split()[0]) in vocabulary.NEGATIVE_CHOICES or re.match(
        vocabulary.DECIDING, base, re.I
    )
    return bool(known) or bool(
        re.search(rf"\b(?:to|either|or|whether to) {re.escape(word)}\b", text, re.I)
        and re.search(r"\b(?:whether|choose|decid|pick|either)\w*\b", text, re.I)
    )


def _listed(text: str) -> tuple[Choice, ...]:
    parts = re.split(r",|/|\bor\b", re.sub(r"\b(?:and then|before|after|when|if)\b.*", "", text))
    named = []
    for part in parts:
        words = [
            w for w in re.findall(r"[A-Za-z-]+", part) if w.lower() not in ("to", "the", "else")
        ]
        if not words or len(words) > 4:
            continue
        named.append(_choice(words[0].lower()))
    return _distinct(named)


def _distinct(found: list[Choice]) -> tuple[Choice, ...]:
    kept: dict[str, Choice] = {}
    for choice in found:
        kept.setdefault(choice.value, choice)
    values = tuple(kept.values())
    # One way must lead on.
    if values and all(choice.negative for choice in values):
        return tuple(Choice(value=choice.value, label=choice.label) for choice in values)
    return values


def _base(word: str) -> str:
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            candidate = word[: -len(ending)] + instead
            if ending == "es" and not re.search(
                r"(?:ov|os|eas|us|rg|ang|lin|at|is|as|id|ut|in|ur|ac)es$", word
            ):
                continue
            return candidate
    return word


def _choice(word: str) -> Choice:
    base = _base(word.split()[0])
    negative = base in vocabulary.NEGATIVE_CHOICES or "back" in word
    return Choice(value=base, label=base.capitalize(), negative=negative)
