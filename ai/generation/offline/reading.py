"""A requirement's sentences -> what is asked."""

from __future__ import annotations

import re

from ai.generation.offline import calls, people, schedules, sources, vocabulary
from ai.generation.offline.conditions import Condition, Finder, parts
from ai.generation.offline.fields import Field, field, matching, merged
from ai.generation.offline.formulas import Reader
from ai.generation.offline.plan import Approval, Branch, Check, Plan, Route, Task
from ai.generation.offline.words import Text, slug
from ai.generation.offline.words import read as read_words

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
_AUTOMATIC = re.compile(
    r"\b(?:automatic\w*|straight (?:away|through)|immediately|without (?:asking|approval|further)|go(?:es)? (?:through"
    r"|ahead)|accept\w*|grant\w*|book\w*|paid|pass(?:es)?|approved|logged|log|released?|waived?|directly|no approval"
    r"|nothing (?:else )?happens|filed|continue\w*|proceed\w*|free|standard|ok)\b",
    re.I,
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

    def _mask(self, n: int, sentence: str, named: list[sources.Named]) -> str:
        """The sentence without the lists of names, in which no condition stands."""
        for item in named:
            if item.sentence == n:
                start, end = item.span
                sentence = sentence[:start] + " " * (end - start) + sentence[end:]
        return sentence

    def run(self) -> None:
        plan = self.plan
        plan.schedule = schedules.cron(" ".join(self.text.sentences))
        for n, sentence in enumerate(self.text.sentences):
            found = calls.calls(sentence, self.text.urls, plan.columns, asked=self.text.written(n))
            conditional = re.match(r"\s*(?:if|when|once)\b", sentence, re.I) is not None
            plan.calls += (
                []
                if conditional and found and not found[0].reads and _numbers(self.masked[n])
                else found
            )
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
        self.finder = Finder([*plan.fields], computed)
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
        if self._presence(sentence, whole, shown):
            return
        branch: Branch | None = None
        pieces = parts(sentence)
        # `classify it as a, b or c` names the classes and decides nothing.
        classes = any(_is_task(piece) for piece in pieces) and sources.options_of(sentence)
        for place, piece in enumerate(pieces):
            if classes and not people.deciders(piece):
                continue
            task = _is_task(piece) and not re.match(r"(?:if|when)\b", piece, re.I)
            condition = None if task and sources.options_of(sentence) else self.finder.find(piece)
            persons = people.deciders(piece)
            if condition is not None and self._is_check(condition, piece, pieces[place:], persons):
                self._check(condition, piece, shown)
                continue
            if condition is not None and computes and condition.is_rest:
                condition = None
            if condition is not None:
                if condition.is_rest and branch is not None and branch.is_open:
                    pass
                else:
                    branch = self._branch(condition, shown) or branch
            for person in persons:
                approval = Approval(
                    role=person.role, choices=people.choices(self._around(pieces, place)), said=shown
                )
                self._decided(approval, branch)
            if branch is not None:
                self._outcome(branch, piece, whole, asked=bool(persons), task=task)

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

    def _is_check(
        self, condition: Condition, piece: str, rest: list[str], persons: list[people.Person]
    ) -> bool:
        if condition.is_rest or persons:
            return False
        if not (vocabulary.MUST.search(piece) or vocabulary.FORBIDDING.search(piece)):
            return False
        if re.match(r"\s*(?:if|when|whenever|in case|where)\b", piece, re.I):
            return False
        return not any(people.deciders(other) for other in rest[1:2]) or bool(
            re.match(r".*\b(?:must|has to|have to|needs to|should) (?:be|have)\b", piece, re.I)
        )

    def _check(self, condition: Condition, piece: str, shown: str) -> None:
        forbids = bool(vocabulary.FORBIDDING.search(piece)) and not re.search(
            r"\b(?:not|n't) (?:exceed|be more|be less|be over|be above|be under|be below|be longer|be higher)",
            piece, re.I,
        )  # fmt: skip
        inverted = re.search(
            r"\b(?:not|n't) be (?:over|above|under|below|longer than|shorter than|higher than|lower than|greater than)\b",
            piece, re.I,
        )  # fmt: skip
        if inverted is None and re.search(r"\bnot exceed", piece, re.I):
            forbids = False
        held = condition.opposite() if forbids or inverted else condition
        self.plan.checks.append(
            Check(
                said=shown,
                kind="rule",
                subject=condition.subject,
                condition=held,
                length=bool(_LENGTH.search(piece)),
            )
        )

    def _presence(self, sentence: str, whole: str, shown: str) -> bool:
        """Takes over what must be given; whether the sentence says no more than that."""
        plan = self.plan
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
            if item is not None and not self.finder.find(sentence[found.end() :]):
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
                return not people.deciders(sentence) and not _numbers(sentence)
        return False

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


def _numbers(sentence: str) -> bool:
    return bool(re.search(r"\d", re.sub(r"\bURL\d+", "", sentence)))


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
