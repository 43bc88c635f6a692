"""A plan -> the steps of a definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ai.generation.offline import configs
from ai.generation.offline.conditions import Condition
from ai.generation.offline.fields import Field
from ai.generation.offline.plan import Approval, Branch, Call, Plan, Route, Task
from ai.generation.offline.words import label, slug
from core.json import JsonObject

# A place at which the next step is hung up: the step, and the option of its decision, if it is one.
Opening = tuple[str, list[str] | None]


class Assembly:
    """Builds the steps in order.

    Attributes:
        open: where the next one is hung up.
        whole: ids of the steps that come of the whole text, not of single sentences.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.steps: list[JsonObject] = []
        self.open: list[Opening] = []
        self.rejected: list[Opening] = []
        self.places: dict[str, str] = {}
        self.inputs: JsonObject = {}
        self.materials: list[tuple[str, str]] = []
        self.whole: set[str] = set()

    def build(self) -> JsonObject:
        """The definition without its head, and the explanations of its steps."""
        self._sources()
        self._checks(computed=False)
        self._formulas()
        self._checks(computed=True)
        for task in self.plan.tasks:
            self._task(task)
        for item in self.plan.flow:
            if isinstance(item, Route):
                self._route(item)
            else:
                self._approval(item)
        for call in self.plan.calls:
            if not call.reads:
                self._call(call)
        self._ends()
        return {"inputs": self._input_schema(), "steps": self.steps}

    # -- steps

    def add(
        self,
        step_id: str,
        name: str,
        step_type: str,
        config: JsonObject,
        *,
        why: str,
        said: str = "",
        at: Sequence[Opening] | None = None,
    ) -> str:
        """Adds a step behind the open ends (or `at` others), which it closes.

        Args:
            said: the sentences that ask for it; none: the whole text does.
        """
        step_id = self._free(slug(step_id))
        if not said:
            self.whole.add(step_id)
        openings = self.open if at is None else list(at)
        for _, then in openings:
            if then is not None and step_id not in then:
                then.append(step_id)
        self.steps.append(
            {
                "id": step_id,
                "name": name[:255],
                "step_type": step_type,
                "description": why,
                "config": config,
                "dependencies": list(dict.fromkeys(step for step, _ in openings)),
                "ai_prompt": (said or self.plan.title)[:2_000],
            }
        )
        if at is None:
            self.open = [(step_id, None)]
        return step_id

    def _free(self, step_id: str) -> str:
        taken = {step["id"] for step in self.steps}
        found, n = step_id, 2
        while found in taken:
            found, n = f"{step_id}_{n}", n + 1
        return found

    def place(self, name: str) -> str:
        """Where expressions find a value."""
        return self.places.get(name, f"inputs.{name}")

    def _input_schema(self) -> JsonObject:
        return {
            "type": "object",
            "properties": self.inputs,
            "required": list(self.inputs),
            "additionalProperties": False,
        }

    # -- where data comes from

    def _sources(self) -> None:
        plan = self.plan
        limits = configs.limits(plan.checks)
        given = [
            replace(f, limits=limits.get(f.name, {}))
            for f in plan.fields
            if f.name not in self.places
        ]
        if given and plan.by_form:
            step = self.add(
                "form", "Fill in the form", "DATA_COLLECTION", configs.form(plan.title, given),
                why="The text asks for a form: a person fills it in.",
            )  # fmt: skip
            self._given(given, step)
        elif given:
            self.inputs |= {f.name: f.schema for f in given}
            step = self.add(
                "collect", "Take the data", "DATA_COLLECTION", configs.collect(given),
                why="The values that the text names are given when a run starts.",
            )  # fmt: skip
            self._given(given, step)
        if plan.table:
            self._table()
        for call in plan.calls:
            if call.reads:
                self._reading(call)

    def _given(self, given: Sequence[Field], step: str) -> None:
        for item in given:
            self.places[item.name] = f"steps.{step}.output.{item.name}"
            self.materials.append((item.said, self.places[item.name]))

    def _table(self) -> None:
        columns = self.plan.columns or [Field(name="text", said="text", kind="text")]
        name = self._free("file")
        header = ",".join(column.name for column in columns)
        row = ",".join("1" if column.kind == "number" else "sample" for column in columns)
        self.inputs[name] = {
            "type": "string", "title": "CSV file", "examples": [f"{header}\n{row}\n"],
        }  # fmt: skip
        step = self.add(
            "read_file", "Read the CSV", "DATA_COLLECTION", configs.csv(name, columns),
            why="The data is a CSV: its columns and their types.",
        )  # fmt: skip
        self._rows(step)

    def _rows(self, step: str) -> None:
        self.places["rows"] = f"steps.{step}.output.rows"
        self.materials.append(("rows", self.places["rows"]))

    def _reading(self, call: Call) -> None:
        parameter = self.place(call.parameter) if call.parameter in self.places else ""
        if call.status:
            step = self.add(
                "request", "Ask the other system", "HTTP", configs.request(call, parameter),
                said=call.asked, why=f"Calls {call.url}; its status is looked at, so errors end nothing.",
            )  # fmt: skip
            self.places["status"] = f"steps.{step}.output.status"
            self.places["answer"] = f"steps.{step}.output.body"
            self.materials += [("status", self.places["status"]), ("answer", self.places["answer"])]
            return
        wanted = self.plan.fetched
        step = self.add(
            "fetch", "Fetch the data", "DATA_COLLECTION", configs.fetch(call, wanted, parameter),
            said=call.asked, why=f"Reads {call.url}.",
        )  # fmt: skip
        if call.format == "csv":
            self._rows(step)
            return
        key = "text" if call.format == "text" else "data"
        self.places["answer"] = f"steps.{step}.output.{key}"
        self.materials.append(("data", self.places["answer"]))
        for item in wanted:
            self.places[item.name] = f"{self.places['answer']}.{item.name}"

    # -- what is done with it

    def _checks(self, *, computed: bool) -> None:
        names = {formula.name for formula in self.plan.formulas}
        found = [c for c in self.plan.checks if (c.subject in names) == computed]
        if not found:
            return
        subjects = [c.subject for c in found if c.subject]
        about = (
            ", ".join(dict.fromkeys(name.replace("_", " ") for name in subjects)) or "the answer"
        )
        rules = [configs.check_rule(check, self.place) for check in found]
        value = {name: f"${{{self.place(name)}}}" for name in dict.fromkeys(subjects)}
        if not value:
            value = {
                "answer": f"${{{self.place('answer') if 'answer' in self.places else self.place('rows')}}}"
            }
        self.add(
            "check_result" if computed else "check",
            f"Check {about}"[:200],
            "VALIDATION",
            {"value": value, "rules": rules, "on_invalid": "fail"},
            said="; ".join(dict.fromkeys(check.said for check in found)),
            why="The text says what must hold. The run ends here where it does not.",
        )

    def _formulas(self) -> None:
        """One step for those that need nothing computed; one more for each round of the others."""
        left = list(self.plan.formulas)
        done: set[str] = set()
        while left:
            names = {formula.name for formula in left}
            now = [f for f in left if not (set(f.fields) & names)] or left[:1]
            output = {f.name: configs.formula(f, self.place) for f in now}
            step = self.add(
                "calculate", "Calculate " + ", ".join(f.said for f in now)[:180], "TRANSFORM",
                {"output": output}, why="Computes what the text describes: "
                + "; ".join(f"{name} = {source}" for name, source in output.items()),
            )  # fmt: skip
            for formula in now:
                self.places[formula.name] = f"steps.{step}.output.{formula.name}"
                self.materials.append((formula.said, self.places[formula.name]))
            done |= {formula.name for formula in now}
            left = [formula for formula in left if formula.name not in done]

    def _task(self, task: Task) -> str:
        step = self.add(
            task.name, label(task.said)[:120], "AI_GENERATED", configs.task(task, self.materials),
            said=task.asked, why="The text gives this to AI: a model sees the task and the data.",
        )  # fmt: skip
        output = f"steps.{step}.output"
        if task.options:
            self.places[task.name] = f"{output}.data.{task.name}"
            self.materials.append((task.name.replace("_", " "), self.places[task.name]))
        else:
            self.materials.append((task.name.replace("_", " "), f"{output}.text"))
        return step

    # -- who decides

    def _route(self, route: Route) -> None:
        explicit = [b for b in route.branches if not b.condition.is_rest]
        rest = next((b for b in route.branches if b.condition.is_rest), None)
        if not explicit:
            return
        rules: list[JsonObject] = []
        default: list[str] = []
        config: JsonObject = {"rules": rules, "default": default}
        about = route.subject.replace("_", " ")
        step = self.add(
            f"route_{route.subject}", f"Decide by {about}", "DECISION", config,
            said="; ".join(dict.fromkeys(b.said for b in route.branches)),
            why=f"The way depends on {about}: the first rule that holds is taken.",
        )  # fmt: skip
        ends: list[Opening] = []
        for branch in explicit:
            then: list[str] = []
            rules.append(
                {
                    "when": branch.condition.expression(self.place),
                    "then": then,
                    "label": _case(branch.condition),
                }
            )
            ends += self._branch(branch, (step, then))
        if rest is not None:
            ends += self._branch(rest, (step, default))
        else:
            ends.append((step, default))
        self.open = ends

    def _branch(self, branch: Branch, opening: Opening) -> list[Opening]:
        """Builds what one branch does; its open ends."""
        if branch.rejects and not branch.approvals:
            self.rejected.append(opening)
            return []
        outer, self.open = self.open, [opening]
        for task in branch.tasks:
            self._task(task)
        for approval in branch.approvals:
            self._approval(approval)
        for call in branch.calls:
            self._call(call)
        if branch.label and not (branch.tasks or branch.approvals or branch.calls):
            self.add(
                "note", label(branch.label)[:120], "TRANSFORM",
                {"output": {"noted": configs.quoted(branch.label)}},
                said=branch.said, why="Notes what the text says of this case: nobody is asked.",
            )  # fmt: skip
        ends, self.open = self.open, outer
        return ends

    def _approval(self, approval: Approval) -> None:
        choices: list[JsonObject] = []
        step = self.add(
            f"ask_{approval.role}", f"{label(approval.role)} decides", "DECISION",
            {
                "title": f"{label(self.plan.title)}: {approval.role}, please decide"[:200],
                "details": configs.details(self.materials),
                "choices": choices,
            },
            said=approval.said, why=f"The text asks a person to decide: {approval.role}.",
        )  # fmt: skip
        ends: list[Opening] = []
        for choice in approval.choices:
            then: list[str] = []
            choices.append({"value": choice.value, "label": choice.label, "then": then})
            (self.rejected if choice.negative else ends).append((step, then))
        self.open = ends

    # -- what comes of it

    def _call(self, call: Call) -> None:
        self.add(
            "send", "Send the result", "HTTP", configs.sending(call, self.materials),
            said=call.asked, why=f"Sends what the run has found to {call.url}.",
        )  # fmt: skip

    def _ends(self) -> None:
        rejects = bool(self.rejected)
        if self.open and (rejects or any(then is not None for _, then in self.open)):
            self.add(
                "accepted" if rejects else "finished", "Finished" if not rejects else "Let through",
                "TRANSFORM", configs.outcome("accepted" if rejects else "finished", self.materials),
                why="Says how the run ended, with the figures.",
            )  # fmt: skip
        if rejects:
            self.add(
                "turned_down", "Turned down", "TRANSFORM", configs.outcome("turned down", self.materials),
                why="Says how the run ended: it was turned down.", at=self.rejected,
            )  # fmt: skip


def _case(condition: Condition) -> str:
    if condition.said:
        return condition.said[:200]
    if condition.joined:
        links = {"&&": "and", "||": "or"}
        others = " ".join(f"{links[link]} {_case(other)}" for link, other in condition.joined)
        return f"{_case(replace(condition, joined=()))} {others}"[:200]
    if condition.options:
        return ("not " if condition.negated else "") + " or ".join(condition.options)
    values: Any = [f"{value:g}" for value in condition.values]
    if condition.operator == "between":
        return f"{values[0]} to {values[1]}"
    if condition.operator == "outside":
        return f"not {values[0]} to {values[1]}"
    return f"{condition.operator} {values[0]}"
