"""What a step stands for beyond the words of its configuration, and which words say nothing."""

from __future__ import annotations

import re

from ai.generation.offline import vocabulary
from ai.generation.offline.words import stem
from core.json import JsonObject

FUNCTION_WORDS = vocabulary.words(
    """a an the this that these those such same own other its it he she they we i you him her them us me his
    their our your my who whom whose which what there here of in on at to for from by with into onto via per
    as than about during through upon out off up down and or but if when whenever where
    once then so also too while because since afterwards before after later next already still yet
    be is are was were been being am do does did done have has had having will would shall should must may
    might can could ought please just only even very quite like i'd we'd i'll we'll there's let's
    want wants wish way so-called etc ie eg first finally all any each every some many much
    whether how why workflow workflows process processes step steps s t d ll let lets get gets got
    one ones everything anything something case cases itself themselves follow follows following now new
    make makes made sure well part thing things time given based"""
)
NEGATIONS = vocabulary.words(
    """not no never neither nor without unless except nobody none nothing cannot excluding
    don't doesn't didn't isn't aren't wasn't weren't won't wouldn't shouldn't mustn't can't couldn't
    hasn't haven't hadn't needn't"""
)
# What runs through a workflow and who brings it: they ask for nothing on their own.
BEARERS = frozenset(
    map(
        stem,
        vocabulary.words(
            """invoice ticket expense employee applicant customer candidate student pupil patient tenant
            citizen user person people company item data entry entries information detail text euro euros
            dollar dollars percent km kg application delivery shipment incident complaint proposal"""
        ),
    )
)
# The same, but they are verbs too: nouns behind one of `BEFORE_NOUNS`, or as the plural that begins.
CASES = frozenset(
    map(
        stem,
        vocabulary.words(
            """claim request order case form report record value field input document file result answer
            amount number list name pound unit review check"""
        ),
    )
)
BEFORE_NOUNS = vocabulary.words(
    "a an the this that these those each every all any some of no per for by about new incoming such its his"
    " her their our your"
)


def says_nothing(word: str, before: str) -> bool:
    """Whether a word only joins others or names what the workflow is about, behind `before`."""
    base = stem(word)
    if word in FUNCTION_WORDS or base in BEARERS:
        return True
    if base not in CASES:
        return False
    return before in BEFORE_NOUNS or stem(before) in BEARERS if before else base != word


_MODAL = (
    r"(?:must|should|need(?:s|ed)?|has|have|valid\w*|ensure|verif\w+|check\w*|mandatory|required?)"
)
_COMPARING = (
    r"(?:above|below|over|under|beneath|beyond|past|between|within|exceed\w*|than|least|most|more|less|fewer"
    r"|higher|lower|greater|larger|longer|shorter|smaller|bigger|older|younger|later|earlier|heavier|lighter"
    r"|cheaper|further|up|maximum|minimum|exactly|equals?|positive|negative|worth|upwards?|anything|rest|else"
    r"|otherwise|others?|remaining|depending|between|limit\w*|tops?|zero|outside)"
)
_COMPUTING = (
    r"(?:comput\w+|calculat\w+|work(?:s|ed)?|determin\w+|figur\w+"
    r"|averag\w+|mean|totals?|highest|lowest|maximum|minimum|largest|smallest|greatest"
    r"|count\w*|percent|equals?|amounts|comes|many|compare\w*|rows?)"
)
_COLLECTING = (
    r"(?:needs?|using|free|plain|full|columns?|named?|called|csv|spreadsheet|tables?|upload\w*|comes?|arriv\w+|receiv\w+|collect\w*|takes?|tak(?:e|en)"
    r"|contain\w*|consist\w*|includ\w+|stat\w+|specif\w+|indicat\w+|names?|lists?|hand(?:s|ed)?|sends?|sent|submi\w+"
    r"|read\w*|records?|brings?|leaves?|tells?|asks?|forms?|fields?|inputs?|register\w*|together|along|exported)"
)
# What an expression has and which words of a calculation it stands for.
_OPERATORS = (
    ("*", r"(?:times|multipl\w+|product|discount|surcharge)"),
    (" / ", r"(?:divided|ratio|per)"),
    (" + ", r"(?:plus|add(?:s|ed)?|sum|gross)"),
    (" - ", r"(?:minus|less|subtract\w*|reduced|difference)"),
    ("sum(", r"(?:sum(?:s|med)?|add(?:s|ed)?|up)"),
)
_CALLING = (
    r"(?:look\w*|request\w*|calls?|called|api|url|results?|both|https?|data|posts?|posted|puts?)"
)
_THINKING = r"(?:ai|llm|gpt|model|language|artificial|intelligence|using|written)"
_ASKING = r"(?:look\w*|needs?|either|both|person|someone|somebody|by|take|takes|over|turn|last|final|word|say|wait\w*|on|decide\w*)"
_REJECTED = r"(?:reject\w*|declin\w*|den(?:y|ied|ies)|refus\w*|discard\w*|turned|down|fail\w*|stop\w*|end(?:s|ed)?|abort\w*)"
_PASSED = (
    r"(?:automatic\w*|straight|away|through|immediately|further|ahead|accept\w*|grant\w*|pass\w*|approv\w*"
    r"|waiv\w*|directly|continue\w*|proceed\w*|standard|ok|okay|without|no|nothing|happen\w*|asking|approval|goes|go)"
)
# Negations within phrases that recognisers read; behind `{limit}` only with a comparison.
_READ = re.compile(
    r"\b(?:no|not) (?:more|less|fewer|longer|shorter|higher|lower|larger|smaller|greater|older|younger|later"
    r"|bigger|earlier) than\b|\b(?:not|n't|cannot) (?:to )?(?:be )?(?:of )?(?:exceed\w*|above|over|below|under"
    r"|between|more than|less than|longer than|shorter than|higher than|lower than|greater than|smaller than)"
    r"|\b(?:do|does|did|can|may|must|should|shall|is|are)(?: not|n't) (?:be )?(?:exceed\w*|above|over|below"
    r"|under|between)|\bnot (?:be )?(?:empty|blank|missing)\b|\bif not\b|\bnot only\b|\bwhether or not\b"
    r"|\bwithout (?:asking|approval|further|asking anyone)\b|\bno approval\b|\bnothing (?:else )?happens\b|\bdo(?:es)? nothing\b",
    re.I,
)
_LIMIT = re.compile(
    r"\b(?:above|below|over|under|between|than|exceed\w*|least|most|to|up to|is|are|be)\s*(?:[€$£]\s*)?\d", re.I
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def unread(piece: str, but: tuple[int, int] = (0, 0)) -> list[str]:
    """The negations of a part of a sentence that no recogniser reads. `but`: a span that one has."""
    known = [but, *(found.span() for found in _READ.finditer(piece))]
    if _LIMIT.search(piece):
        known += [found.span() for found in vocabulary.FORBIDDING.finditer(piece)]
    return [
        word[0]
        for word in _WORD.finditer(piece)
        if word[0].lower() in NEGATIONS
        and not any(start <= word.start() < end for start, end in known)
    ]


def stands_for(step: JsonObject) -> re.Pattern[str]:
    """The words for which a step's type and way stand, whatever its configuration says."""
    config = step["config"]
    found: list[str] = []
    match step["step_type"]:
        case "DATA_COLLECTION" if config["source"] == "url":
            found = [vocabulary.READING.pattern, _COLLECTING, _CALLING]
        case "DATA_COLLECTION":
            found = [vocabulary.GIVING, _COLLECTING]
        case "HTTP":
            found = [vocabulary.SENDING.pattern, vocabulary.READING.pattern, _CALLING]
        case "VALIDATION":
            found = [
                vocabulary.MUST.pattern,
                _MODAL,
                _COMPARING,
                _REJECTED,
                r"(?:present|empty|missing|complete\w*|blank|valid|given|filled|characters?|letters?|digits?|looks?|allowed|accepted|validat\w+)",
            ]
        case "AI_GENERATED":
            found = [vocabulary.AI_MARKS.pattern, _THINKING, vocabulary.CLASSIFYING.pattern]
        case "DECISION" if "choices" in config:
            found = [vocabulary.DECIDING, vocabulary.SENDING_TO, vocabulary.ASKING, _ASKING]
        case "DECISION":
            found = [_COMPARING, _PASSED]
        case "TRANSFORM" if step["id"].startswith("calculate"):
            sources = " ".join(config["output"].values())
            found = [_COMPUTING, *(words for sign, words in _OPERATORS if sign in sources)]
        case "TRANSFORM" if step["id"].startswith("turned_down"):
            found = [_REJECTED]
        case "TRANSFORM":
            found = [_PASSED]
    return re.compile("|".join(f"(?:{pattern})" for pattern in found) or r"(?!)", re.I)


_DAYS = "sunday monday tuesday wednesday thursday friday saturday".split()


def schedule(cron: str) -> re.Pattern[str]:
    """The words of times that a schedule carries."""
    minute, hour, day, month, weekday = cron.split()
    found = ["start\\w*", "run\\w*", "o'clock", "am|pm|a|p|m|h"]
    if minute.startswith("*"):
        found += ["minutes?", "half", "hour"]
    if hour.startswith("*"):
        found += ["hours?", "hourly"]
    if weekday == "1-5":
        found += ["weekdays?", "working", "business", "days?", "monday", "friday"]
    elif weekday == "0,6":
        found += ["weekends?"]
    elif weekday != "*":
        found += [f"{_DAYS[int(n)]}s?" for n in weekday.split(",")] + ["week", "weekly"]
    elif day != "*":
        found += ["days?", "months?", "monthly", "1st", "st|nd|rd|th"]
        found += ["quarter", "quarterly"] if "," in month else []
    else:
        found += ["days?", "daily", "nightly"]
    found += ["mornings?", "evenings?", "nights?", "noon", "midnight", "afternoons?"]
    return re.compile("|".join(f"(?:{word})" for word in found), re.I)


def times(cron: str) -> set[str]:
    """The numbers that a schedule carries."""
    numbers = {int(found) for found in re.findall(r"\d+", cron)}
    hour = re.findall(r"\d+", cron.split()[1])
    numbers |= {int(found) - 12 for found in hour if int(found) > 12}
    return {form for n in numbers for form in (str(n), f"{n:02}")}
