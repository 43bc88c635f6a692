"""A requirement's sentences -> what is asked."""

from __future__ import annotations

import re
from dataclasses import replace

from ai.generation.offline import (
    calls,
    checks,
    meanings,
    people,
    schedules,
    sources,
    vocabulary,
)
from ai.generation.offline.comparisons import comparisons, parts
from ai.generation.offline.conditions import Condition, Finder
from ai.generation.offline.fields import Field, field, matching, merged
from ai.generation.offline.formulas import Reader
from ai.generation.offline.plan import Approval, Branch, Plan, Route, Task
from ai.generation.offline.words import Text, slug
from ai.generation.offline.words import read as read_words

_AUTOMATIC = re.compile(
    r"\b(?:automatic\w*|straight (?:away|through)|immediately|without (?:asking|approval|further)|go(?:es)? (?:through"
    r"|ahead)|accept\w*|grant\w*|book\w*|paid|pass(?:es)?|approved|logged|log|released?|waived?|directly|no approval"
    r"|nothing (?:else )?happens|filed|continue\w*|proceed\w*|free|standard|ok)\b",
    re.I,
)

_UNLESS = re.compile(r"\s*unless\b", re.I)
# Approval is what the run goes on after, anyway.
_AFTER_YES = re.compile(
    r"\s*(?:if|when|whenever|once|as soon as)\b[^,]*\b(?:approv\w+|accept\w*|agree\w*|confirm\w*|sign\w*"
    r"|grant\w*|releas\w+|yes|so|both (?:hold|are true)|done|arrives?|comes in|is (?:received|submitted|handed in"
    r"|sent in|uploaded)|appl(?:y|ies)|finished|complete\w*|ready)\b",
    re.I,
)
_WAITING = re.compile(
    r"\s*[^,;]*\b(?:not|never|n't)\b[^,;]*?\b(?:until|before|unless)\s+(?P<decided>.+)$", re.I
)
_EXCEPTING = re.compile(r"(?P<main>.+?),?\s+(?P<case>unless\b[^,;]+)$", re.I)
# What happens to these only would happen to all.
_AFTER_NO = re.compile(
    r"\b(?:denied|rejected|refused|declined|failed|discarded) (?:\w+ )?(?:is|are|gets?|ones|goes|go)\b"
    r"|\b(?:if|when|once) (?:\w+ ){0,3}(?:denied|rejected|refused|declined)\b",
    re.I,
)
_UNASKED = re.compile(
    r"\b(?:no|without(?: an?| the| any)?) (?:approval|decision|asking|review)\b", re.I
)


def read(requirement: str) -> tuple[Text, Plan]:
    """Everything that the tables find in a requirement. The same text gives the same."""
    text = read_words(requirement)
    reader = _Reader(text)
    reader.run()
    return text, reader.plan


class _Reader:
    """One requirement, sentence by sentence."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.plan = Plan(title=sources.topic(text), by_form=sources.is_form(text))
        self.plan.table = sources.is_table(text)
        self.named = named = sources.named(text)
        columns = [item for n in named if n.columns for item in n.fields]
        has_table = self.plan.table or any("column" in s for s in text.sentences)
        self.plan.columns = merged(columns) if has_table else []
        self.plan.fields = merged(
            item for n in named for item in n.fields if not (n.columns and has_table)
        )
        self.masked = [self._mask(n, s, named) for n, s in enumerate(text.sentences)]
        self.finder = Finder([], [])
        self.left = False

    def _mask(self, n: int, sentence: str, named: list[sources.Named]) -> str:
        """The sentence without the lists of names, in which no condition stands."""
        for item in named:
            if item.sentence == n:
                start, end = item.span
                sentence = sentence[:start] + " " * (end - start) + sentence[end:]
        return sentence

    def run(self) -> None:
        plan = self.plan
        times = [s for s in self.text.sentences if not meanings.unread(s)]
        plan.schedule = schedules.cron(" ".join(times))
        for n, sentence in enumerate(self.text.sentences):
            found = calls.calls(sentence, self.text.urls, plan.columns, asked=self.text.written(n))
            conditional = re.match(r"\s*(?:if|when|once)\b", sentence, re.I) is not None
            if _AFTER_NO.search(sentence):
                found = [call for call in found if call.reads]
            elif conditional and found and not found[0].reads and checks.numbers(self.masked[n]):
                found = []
            plan.calls += found
            for pattern, reason in vocabulary.UNSUPPORTED:
                if pattern.search(sentence):
                    plan.unmet.append((self.text.written(n), reason))
        formulas = Reader(plan.fields, plan.columns)
        computing = {n for n, s in enumerate(self.text.sentences) if formulas.read(s)}
        plan.fields = merged(formulas.fields)
        plan.formulas = formulas.formulas
        if plan.columns:
            # `the average of points` is a result, whatever stands before it.
            results = {
                item.name
                for found in self.named
                if found.sentence in computing and not found.columns
                for item in found.fields
            }
            plan.fields = [item for item in plan.fields if item.name not in results]
        for n, sentence in enumerate(self.masked):
            plan.tasks += self._tasks(sentence, self.text.written(n))
        self._texts_for_tasks()
        computed = [Field(name=f.name, said=f.said, kind="number") for f in plan.formulas]
        computed += [
            Field(
                name=task.name, said=task.name.replace("_", " "), kind="text", options=task.options
            )
            for task in plan.tasks
            if task.options
        ]
        self.finder = Finder([*plan.fields], computed, tabular=bool(plan.columns))
        if any(call.status for call in plan.calls):
            self.finder.unknown.append(Field(name="status", said="status", kind="number"))
        for n, sentence in enumerate(self.masked):
            self._rules(sentence, n, computes=n in computing)
        self._unknown_fields()

    def _tasks(self, sentence: str, shown: str) -> list[Task]:
        """What a model is to do, in this sentence."""
        pieces = parts(sentence)
        if not any(_is_task(piece) for piece in pieces):
            return []
        # A list of classes is cut at its commas: the sentence has it whole.
        options = sources.options_of(sentence) if vocabulary.CLASSIFYING.search(sentence) else ()
        start = next(n for n, piece in enumerate(pieces) if _is_task(piece))
        said = [
            piece
            for piece in pieces[start:]
            if not people.deciders(piece) and not re.search(r"\bURL\d", piece)
        ]
        words = " ".join(", ".join(said or [pieces[start]]).split())
        if options:
            words = " ".join(re.split(r"\bURL\d", sentence)[0].split())
        found: tuple[str, ...] = ()
        if not options and (extract := vocabulary.EXTRACTING.search(" ".join(pieces[:4]))):
            listed = [field(item) for item in re.split(r",|\band\b", extract["list"])]
            found = tuple(item.name for item in listed if item)
        return [
            Task(
                said=words, name=_task_name(words, options), options=options, parts=found,
                asked=shown,
            )
        ]  # fmt: skip

    def _texts_for_tasks(self) -> None:
        """Adds the texts that tasks work on where nothing that is given could be meant."""
        plan = self.plan
        for n, sentence in enumerate(self.masked):
            if not _is_task(sentence):
                continue
            for item in sources.subject_texts(sentence):
                known = matching(item.said, [*plan.fields, *plan.columns])
                fetched = any(call.reads for call in plan.calls)
                later = any(item.name in task.name for task in plan.tasks) and n > 0
                if any(item.name in task.options for task in plan.tasks):
                    continue
                if known is None and not fetched and not later and not plan.columns:
                    plan.fields.append(item)

    def _rules(self, sentence: str, n: int, *, computes: bool) -> None:
        """Conditions, checks and persons of one sentence."""
        whole, shown = self.text.sentences[n], self.text.written(n)
        if checks.presence(self.plan, self.finder, sentence, shown):
            return
        branch: Branch | None = None
        known = len(self.finder.unknown)
        pieces = _ordered(people.listed(sentence))
        # `classify it as a, b or c` names the classes and decides nothing.
        classes = any(_is_task(piece) for piece in pieces) and sources.options_of(sentence)
        for place, piece in enumerate(pieces):
            if classes and not people.deciders(piece):
                continue
            task = _is_task(piece) and not re.match(r"(?:if|when)\b", piece, re.I)
            condition = None if task else self.finder.find(piece)
            if not task and self._is_unread(piece, condition, computes=computes):
                self._leave(shown)
                del self.finder.unknown[known:]
                return
            persons = [] if _UNASKED.search(piece) else people.deciders(piece)
            if condition is not None and checks.is_check(condition, piece, pieces[place:], persons):
                self.plan.checks += checks.limits(condition, piece, shown)
                continue
            if condition is not None and computes and condition.is_rest:
                condition = None
            if condition is not None:
                if _UNLESS.match(piece):
                    condition = replace(condition.opposite(), said=piece)
                if condition.is_rest and branch is not None and branch.is_open:
                    pass
                else:
                    self.left = False
                    branch = self._branch(condition, shown) or branch
            around = self._around(pieces, place)
            for person in persons:
                self._asked(person, around, shown, branch)
            if not persons and people.needs_somebody(piece) and not people.deciders(around):
                self._asked(people.SOMEBODY, around, shown, branch)
                self.plan.unmet.append((shown, "The text does not say who decides this."))
                persons = [people.SOMEBODY]
            if branch is not None:
                self._outcome(branch, piece, whole, asked=bool(persons), task=task)

    def _is_unread(self, piece: str, condition: Condition | None, *, computes: bool) -> bool:
        """Whether a piece says more than is understood: a negation, a condition. What it asks for
        could then happen in the wrong cases, so nothing is made of its sentence."""
        if meanings.unread(piece, condition.span if condition else (0, 0)):
            return not _UNLESS.match(piece) or condition is None or condition.is_rest
        if condition is None:
            stated = self.finder.states(piece) and not computes
            return stated and not _AFTER_YES.match(piece)
        # `Otherwise` to what is not understood is not understood.
        return condition.is_rest and self.left and not people.deciders(piece)

    def _leave(self, shown: str) -> None:
        """Takes back what a sentence has led to that is not understood whole."""
        self.left = True
        plan = self.plan
        plan.left.append(shown)
        plan.calls = [call for call in plan.calls if call.reads or call.asked != shown]
        for route in [item for item in plan.flow if isinstance(item, Route)]:
            route.branches = [branch for branch in route.branches if branch.said != shown]
        plan.flow = [
            item
            for item in plan.flow
            if (item.branches if isinstance(item, Route) else item.said != shown)
        ]

    def _asked(self, person: people.Person, around: str, shown: str, branch: Branch | None) -> None:
        """Adds the decisions of a person, or of several in line."""
        choices = people.choices(around)
        for role in person.roles:
            self._decided(Approval(role=role, choices=choices, said=shown), branch)
        if len(person.roles) > 1:
            self.plan.unmet.append((
                shown,
                f"They are asked one after another; nothing checks that {len(person.roles)} different"
                " persons answer.",
            ))  # fmt: skip

    def _around(self, pieces: list[str], n: int) -> str:
        """The piece and what belongs to it up to the next person."""
        found = [pieces[n]]
        for piece in pieces[n + 1 :]:
            if people.deciders(piece):
                break
            found.append(piece)
        return ", ".join(found)

    def _decided(self, approval: Approval, branch: Branch | None) -> None:
        if branch is not None:
            if all(known.role != approval.role for known in branch.approvals):
                branch.approvals.append(approval)
            return
        known = [item for item in self.plan.flow if isinstance(item, Approval)]
        same = next(
            (item for item in known if item.role.split()[-1] == approval.role.split()[-1]), None
        )
        if approval.role[-1].isdigit():
            same = None
        if same is None:
            self.plan.flow.append(approval)
        elif same.choices == people.YES_NO:
            same.choices = approval.choices

    def _branch(self, condition: Condition, shown: str) -> Branch | None:
        route = self.plan.flow[-1] if self.plan.flow else None
        if condition.is_rest:
            if not isinstance(route, Route):
                return None
        elif not isinstance(route, Route) or route.subject != condition.subject:
            route = Route(subject=condition.subject)
            self.plan.flow.append(route)
        branch = Branch(condition=condition, said=shown)
        route.branches.append(branch)
        return branch

    def _outcome(self, branch: Branch, piece: str, whole: str, *, asked: bool, task: bool) -> None:
        if re.search(r"\bURL\d", piece):
            found = calls.calls(piece, self.text.urls, (), asked=branch.said)
            if not any(call in self.plan.calls for call in found):
                branch.calls += [call for call in found if not call.reads]
                if branch.calls:
                    return
        if asked or task:
            return
        if vocabulary.REJECTING.search(piece):
            branch.rejects = not branch.approvals
        elif not branch.approvals and (not branch.label or _AUTOMATIC.search(piece)):
            branch.label = " ".join(piece.split())

    def _unknown_fields(self) -> None:
        """What conditions speak of and nobody gives: part of an answer, else given at the start."""
        plan = self.plan
        plan.fields = list(self.finder.fields)
        for item in self.finder.unknown:
            if item.name == "status" and any(call.status for call in plan.calls):
                continue
            if any(call.reads for call in plan.calls) and not plan.fields:
                plan.fetched.append(item)
            else:
                plan.fields.append(item)


def _ordered(sentence: str) -> list[str]:
    """A sentence in pieces, its condition first: `A unless B` -> `unless B`, `A`; of `not A until B`
    and `not A before B`, where B is a decision, only B asks for anything."""
    if (found := _WAITING.match(sentence)) and people.deciders(found["decided"]):
        return parts(found["decided"])
    if found := _EXCEPTING.match(sentence):
        main = parts(found["main"])
        # What must hold except in some cases is not read; who decides except in some is.
        if len(main) == 1 and people.deciders(main[0]) and not comparisons(main[0]):
            return [found["case"], *main]
    return parts(sentence)


def _is_task(piece: str) -> bool:
    return bool(vocabulary.AI_MARKS.search(piece) or vocabulary.AI_DRAFTING.search(piece))


def _task_name(said: str, options: tuple[str, ...]) -> str:
    if options:
        found = re.search(
            r"\b(sentiment|priority|urgency|category|topic|department|tone|risk|type|mood)\b",
            said,
            re.I,
        )
        return f"ai_{found[1].lower()}" if found else "ai_class"
    made = re.search(
        r"\b(summary|summari[sz]e|commentary|comment|reply|draft|analysis|report|digest|newsletter|feedback"
        r"|translat\w+|letter|clauses|description|text|answer|response|describe|proposal|post)\w*",
        said,
        re.I,
    )
    word = made[1].lower() if made else "text"
    word = {"summarise": "summary", "summarize": "summary", "describe": "description"}.get(
        word, word
    )
    return f"ai_{slug('translation' if word.startswith('translat') else word)}"
