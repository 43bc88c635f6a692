"""Whom a requirement asks to decide, and between what."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from ai.generation.offline import meanings, vocabulary
from ai.generation.offline.words import bare, stem

_DECIDING = re.compile(vocabulary.DECIDING, re.I)
_SENDING_TO = re.compile(
    rf"\b{vocabulary.SENDING_TO}\s+(?:to|up to|with|by)\s+(?:an?|the|our)?\s*$", re.I
)
_ASKING = re.compile(rf"{vocabulary.ASKING}\s+(?:both )?(?:an?|the|our|their|also|only)?\s*$", re.I)
_GIVING = re.compile(rf"^\s*(?:\w+ ){{0,1}}{vocabulary.GIVING}\b", re.I)
_FILLING = re.compile(r"^\s*to (?:fill|enter|provide|state|give|supply|submit)\b", re.I)
_BESIDE = re.compile(r",?\s*(?:,|(?P<link>and|or|and also))\s+(?:an?|the|our)?\s*(?:also )?", re.I)
_COUNT = re.compile(r"\b([2-9])\s+(?:\w+\s+)?(?:of (?:the|our)\s+)?$")
_NOUNS = r"(?P<role>[a-z]{3,}(?: (?!(?:must|has|have|needs|should|shall|will|then|first|also)\b)[a-z]{3,})?)"
_DECIDED = r"(?:approv|decid|confirm|sign|authori[sz]|review|check|releas|handl|grant|den[iy]|reject|accept|countersign)"
_GRAMMAR = (
    re.compile(rf"\b{_DECIDED}\w*(?: off)? by (?:the|an?|our) {_NOUNS}(?=$|[,.;]| (?:before|after|first)\b)", re.I),
    re.compile(
        rf"\b(?:approval|consent|permission|sign-off|confirmation|signature|authori[sz]ation) (?:of|from|by)"
        rf" (?:the|an?|our) {_NOUNS}(?=$|[,.;])", re.I
    ),
    re.compile(
        rf"(?:^|, |\bthen )(?:the|an?|our) {_NOUNS} (?:(?:must|has to|have to|needs to|should|shall|will|has|have)"
        rf" )?(?:then |first |also )?{_DECIDED}(?:e|es|s|ed)?\b(?! by)", re.I
    ),
    re.compile(rf"\d[^,;]* by (?:the|an?|our) {_NOUNS}$", re.I),
)  # fmt: skip
_NO_ROLES = frozenset(
    "api system server mail email post phone model run form rules rule day week month way hand date".split()
)
_NEEDED = re.compile(
    r"\b(?:needs?|requires?|gets?|must (?:be|get|have)|ha(?:s|ve) to be|subject to|awaits?)\b[^,;]*"
    r"\b(?:approv\w+|sign(?:ed)?[ -]?off|authori[sz]\w+|consent|permission)\b",
    re.I,
)
_UNNEEDED = re.compile(
    r"\b(?:no|not|n't|without|never|automatic\w*|if|once|when)\b|\bapproved\s+\w+s\b", re.I
)
_WORD = re.compile(r"[A-Za-z][\w'-]*")
_FOR = re.compile(
    r"\b(?:(?<!wait )(?<!waits )(?<!waiting )for|of|about|from|inform|notify|tell|toward|towards|on behalf of)\s+(?:an?|the|our)?\s*$",
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
    """Who decides.

    Attributes:
        role: as the text has it; at: where in the sentence it stands.
        count: how many of them.
    """

    role: str
    at: int
    count: int = 1

    @property
    def roles(self) -> list[str]:
        """Each of them: `manager 1 of 2`, `manager 2 of 2`."""
        if self.count == 1:
            return [self.role]
        *modifiers, head = self.role.split()
        single = " ".join([*modifiers, stem(head)])
        return [f"{single} {n} of {self.count}" for n in range(1, self.count + 1)]


SOMEBODY = Person(role="approver", at=0)


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


def needs_somebody(text: str) -> bool:
    """Whether a part of a sentence asks for an approval, by whomever."""
    return bool(_NEEDED.search(text)) and not _UNNEEDED.search(text)


def deciders(text: str) -> list[Person]:
    """The persons who decide something in this part of a sentence, in order.

    Who stands beside one of them, joined by `and`, decides too; joined by `or`, they are one.
    """
    unknown = _unknown(text)
    roles = sorted([*_roles(text), *unknown], key=lambda role: role[0].at)
    chosen = {person.at for person in [*_deciding(text, roles), *(found for found, _ in unknown)]}
    for one, other in [*pairwise(roles), *reversed(list(pairwise(roles)))]:
        between = text[one[1] : other[0].at]
        if _BESIDE.fullmatch(between) and chosen & {one[0].at, other[0].at}:
            chosen |= {one[0].at, other[0].at}
    found: list[Person] = []
    end = -1
    for person, reach in roles:
        if person.at not in chosen:
            continue
        joined = _BESIDE.fullmatch(text[end : person.at]) if found else None
        if joined and joined["link"] and joined["link"].lower() == "or":
            found[-1] = replace(found[-1], role=f"{found[-1].role} or {person.role}")
        else:
            count = _COUNT.search(text[: person.at])
            found.append(replace(person, count=int(count[1]) if count else 1))
        end = reach
    return found


def listed(text: str) -> str:
    """A text whose lists of three and more roles stand without commas: `A and the B and the C`."""
    roles = _roles(text)
    for (_, one), (second, end), (third, _) in reversed(
        list(zip(roles, roles[1:], roles[2:], strict=False))
    ):
        between = _BESIDE.fullmatch(text[one : second.at])
        last = _BESIDE.fullmatch(text[end : third.at])
        if between and last and not between["link"] and last["link"]:
            text = f"{text[:one]} {last['link']}{text[one:][1:]}"
    return text


def _unknown(text: str) -> list[tuple[Person, int]]:
    """The roles that no table knows, where the grammar leaves nothing else for a noun to be."""
    known = [(person.at, end) for person, end in _roles(text)]
    found = []
    for pattern in _GRAMMAR:
        for place in pattern.finditer(text):
            start, end = place.span("role")
            taken = any(start < stop and end > begin for begin, stop in known)
            last = place["role"].split()[-1].lower()
            if taken or meanings.says_nothing(last, "the") or last in _NO_ROLES:
                continue
            known.append((start, end))
            found.append((Person(role=place["role"].lower(), at=start), end))
    return found


def _deciding(text: str, roles: list[tuple[Person, int]]) -> list[Person]:
    """Those of the roles who decide, each by what stands around it."""
    found = []
    for person, end in roles:
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
        tail = re.match(r" of (?:the )?([a-zA-Z]+)\b", text[end:])
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
        # `Either the clerk or the dean approves`: these are who decides, not the answers.
        if found[0].lower().startswith("either") and _roles(found["list"]):
            continue
        listed = _listed(found["list"])
        if len(listed) >= 2:
            return listed
    for found in _OR.finditer(text):
        a, b = found["a"].lower(), found["b"].lower()
        if a in _FUNCTION_WORDS or b in _FUNCTION_WORDS or a.isdigit() or b.isdigit():
            continue
        # `approves or bounces it`: what stands beside a verb with its ending is one.
        alike = found["b"].endswith("s") and re.match(r" (?:it|them|the)\b", text[found.end() :])
        if not (_is_verb(a, text) and (_is_verb(b, text) or (a.endswith("s") and alike))):
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
    # Beside a plain yes, an answer that no table knows is none.
    if any(choice.value in vocabulary.POSITIVE_CHOICES for choice in values):
        values = tuple(
            replace(choice, negative=choice.value not in vocabulary.POSITIVE_CHOICES)
            for choice in values
        )
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
