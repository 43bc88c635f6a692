"""JSON -> WorkflowDefinition, or every error that the author should see, each with its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import Problem
from engine import graph as graphs
from engine import rules, validation
from engine.binding import bind
from engine.budget import parse_budget
from engine.context import JsonObject
from engine.definition import (
    DEFAULT_TIMEOUT,
    MAX_STEPS,
    InvalidDefinition,
    WorkflowDefinition,
    WorkflowStep,
)
from engine.retry import RetryPolicy, parse_retry
from engine.step import STEP_VARIABLES, WorkflowStepExecutor

Executors = Mapping[str, WorkflowStepExecutor]

_MAX_PROBLEMS = 100
_STEP_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_RESERVED = (  # words that CEL keeps for itself
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
    "let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while",
)  # fmt: skip
_DATES = ("created_at", "updated_at")
_TEXT, _OBJECT, _FLAG, _IDS = "text", "an object", "true or false", "a list of step ids"
_CHECKS: dict[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _OBJECT: lambda value: isinstance(value, dict),
    _FLAG: lambda value: isinstance(value, bool),
    _IDS: lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
}
_DEFINITION_KEYS = {
    "id": _TEXT, "name": _TEXT, "description": _TEXT, "version": _TEXT, "category": _TEXT,
    "entry_points": _IDS, "exit_points": _IDS, "ai_configurable": _FLAG, "created_by": _TEXT,
    **dict.fromkeys(_DATES, _TEXT), "inputs": _OBJECT, "outputs": _OBJECT, "budget": _OBJECT,
}  # fmt: skip
_STEP_KEYS = {
    "id": _TEXT, "name": _TEXT, "step_type": _TEXT, "description": _TEXT, "config": _OBJECT,
    "dependencies": _IDS, "ai_generated": _FLAG, "ai_prompt": _TEXT, "validation_rules": _OBJECT,
    "when": _TEXT, "retry": _OBJECT, "on_error": _TEXT, "join": _TEXT, "ai_configurable": _FLAG,
}  # fmt: skip
_NULLABLE = {"ai_prompt", "validation_rules", *_DATES, "inputs", "outputs", "budget"}
_LENGTHS = {"name": 255, "version": 20, "category": 100, "step_type": 50}
_PLANNED = {
    "compensate_with", "for_each", "loop", "on_worker_lost", "queue", "priority",
    "concurrency", "deadline", "budget",
}  # fmt: skip


def parse(document: Any, *, executors: Executors) -> WorkflowDefinition:
    """The definition that the JSON value `document` describes.

    Args:
        document: `json.loads` of a definition of at most `MAX_BYTES`; the documented fields.
        executors: the known step types.

    Raises:
        InvalidDefinition: with up to 100 problems, each naming path and step.
    """
    return _Parser(executors).parse(document)


def parse_step(document: Any, *, executors: Executors) -> WorkflowStep:
    """The step that the JSON value `document` describes, by itself: it may depend on any other, and
    read it.

    Raises:
        InvalidDefinition: with paths that begin at `step`.
    """
    parser = _Parser(executors)
    try:
        return parser.single_step(document)
    except InvalidDefinition as error:
        begin = len("steps[0]")
        raise InvalidDefinition(
            "The step is not valid.",
            problems=[Problem(f"step{p.path[begin:]}", p.message) for p in error.problems],
        ) from None


class _Parser:
    """Collects problems while it builds; stops at the first stage that found any."""

    def __init__(self, executors: Executors) -> None:
        self.executors = executors
        self.problems: list[Problem] = []

    def parse(self, document: Any) -> WorkflowDefinition:
        if not isinstance(document, dict):
            self.add("", "a definition is an object")
            raise self.error()
        self.check_keys(document, _DEFINITION_KEYS | {"steps": None}, path="", who="")
        self.require(document, ("name", "version", "category"), path="", who="")
        raw_steps = self.raw_steps(document.get("steps"))
        self.stop_if_wrong()
        index = self.index(raw_steps)
        steps = [self.step(n, raw, index) for n, raw in enumerate(raw_steps)]
        self.stop_if_wrong()

        graph = self.graph(steps, index)
        ids = [step.id for step in steps]
        entries, exits = (tuple(ids[n] for n in points) for points in (graph.roots, graph.sinks))
        self.check_points(document, "entry_points", entries, "no dependencies")
        self.check_points(document, "exit_points", exits, "no dependents")
        self.check_reads(steps, graph, index)
        self.check_branches(steps, graph)
        output_reads = self.outputs(document.get("outputs"), index)
        budget_usd, found = parse_budget(document.get("budget"))
        self.problems += found
        if document.get("inputs") is not None:
            self.problems += validation.schema_problems(document["inputs"], "inputs")
        self.stop_if_wrong()
        return WorkflowDefinition(
            id=document.get("id", ""),
            name=document["name"],
            description=document.get("description", ""),
            version=document["version"],
            category=document["category"],
            steps=tuple(steps),
            entry_points=entries,
            exit_points=exits,
            ai_configurable=document.get("ai_configurable", True),
            created_by=document.get("created_by", ""),
            created_at=document.get("created_at"),
            updated_at=document.get("updated_at"),
            inputs=document.get("inputs"),
            outputs=document.get("outputs"),
            output_reads=output_reads,
            budget_usd=budget_usd,
            graph=graph,
            index=index,
        )

    def single_step(self, document: Any) -> WorkflowStep:
        [raw] = self.raw_steps([document])
        self.stop_if_wrong()
        index = self.index([raw]) | dict.fromkeys(raw.get("dependencies", ()), -1)
        step = self.step(0, raw, index)
        self.stop_if_wrong()
        return step

    # -- shapes

    def raw_steps(self, raw: Any) -> list[JsonObject]:
        if not isinstance(raw, list) or not raw:
            self.add("steps", "a definition needs a list of at least one step")
            return []
        if len(raw) > MAX_STEPS:
            self.add("steps", f"at most {MAX_STEPS:,} steps are supported, this has {len(raw):,}")
            return []
        for n, step in enumerate(raw):
            path = f"steps[{n}]"
            if not isinstance(step, dict):
                self.add(path, "a step is an object")
                continue
            who = f"step '{step.get('id', n)}': "
            self.check_keys(step, _STEP_KEYS | {"timeout": None}, path=path, who=who)
            self.require(step, ("id", "name", "step_type"), path=path, who=who)
            if self.full:
                break
        return raw

    def check_keys(
        self, raw: JsonObject, known: Mapping[str, str | None], *, path: str, who: str
    ) -> None:
        for key, value in raw.items():
            where = f"{path}.{key}" if path else key
            if key in _PLANNED and key not in known:
                self.add(where, f"{who}'{key}' is not supported yet")
            elif key not in known:
                self.add(where, f"{who}unknown key '{key[:80]}'")
            elif (kind := known[key]) and not (value is None and key in _NULLABLE):
                if not _CHECKS[kind](value):
                    self.add(where, f"{who}'{key}' must be {kind}")
                elif key in _LENGTHS and len(value) > _LENGTHS[key]:
                    self.add(where, f"{who}'{key}' has at most {_LENGTHS[key]} characters")

    def require(self, raw: JsonObject, keys: tuple[str, ...], *, path: str, who: str) -> None:
        for key in keys:
            if raw.get(key) in (None, ""):
                self.add(f"{path}.{key}" if path else key, f"{who}'{key}' is required")

    def index(self, raw_steps: list[JsonObject]) -> dict[str, int]:
        index: dict[str, int] = {}
        for n, raw in enumerate(raw_steps):
            step_id = raw["id"]
            if not _STEP_ID.fullmatch(step_id) or step_id in _RESERVED:
                self.add(
                    f"steps[{n}].id",
                    f"step '{step_id[:80]}': an id is letters, digits and _, does not start with a"
                    " digit, has at most 255 characters and is no reserved word",
                )
            elif step_id in index:
                self.add(
                    f"steps[{n}].id",
                    f"step '{step_id}': the id is already taken by steps[{index[step_id]}]",
                )
            index.setdefault(step_id, n)
        return index

    # -- steps

    def step(self, position: int, raw: JsonObject, index: Mapping[str, int]) -> WorkflowStep:
        path = f"steps[{position}]"
        who = f"step '{raw['id']}': "
        problems: list[Problem] = []
        timeout = raw.get("timeout", DEFAULT_TIMEOUT)
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            problems.append(Problem("timeout", "'timeout' is a number of seconds"))
        elif not 0 < timeout <= 86_400:
            problems.append(Problem("timeout", "'timeout' is between 0 and 86,400 seconds"))
        if (on_error := raw.get("on_error", "fail")) not in ("fail", "continue"):
            problems.append(Problem("on_error", "'on_error' is 'fail' or 'continue'"))
        if raw.get("join", "all") != "all":
            problems.append(Problem("join", f"join '{raw['join'][:80]}' is not supported yet"))
        retry = RetryPolicy()
        if "retry" in raw:
            retry, found = parse_retry(raw["retry"], "retry")
            problems += found
        problems += self.dependency_problems(raw, index)
        executor = self.executors.get(raw["step_type"])
        if executor is None:
            known = ", ".join(sorted(self.executors))
            problems.append(
                Problem("step_type", f"unknown step type '{raw['step_type']}'; known: {known}")
            )
        step = WorkflowStep(
            id=raw["id"],
            name=raw["name"],
            step_type=raw["step_type"],
            description=raw.get("description", ""),
            config=raw.get("config", {}),
            dependencies=tuple(raw.get("dependencies", ())),
            ai_generated=raw.get("ai_generated", False),
            ai_prompt=raw.get("ai_prompt"),
            validation_rules=raw.get("validation_rules"),
            when=raw.get("when"),
            retry=retry,
            timeout=timeout,
            on_error=on_error,
            position=position,
            ai_configurable=raw.get("ai_configurable", True),
        )
        if executor is not None and not problems:
            step, problems = bind(step, executor)
        for problem in problems:
            self.add(f"{path}.{problem.path}", who + problem.message)
        return step

    @staticmethod
    def dependency_problems(raw: JsonObject, index: Mapping[str, int]) -> list[Problem]:
        problems = []
        seen = set()
        for n, dependency in enumerate(raw.get("dependencies", ())):
            path = f"dependencies[{n}]"
            if dependency == raw["id"]:
                problems.append(Problem(path, "a step cannot depend on itself"))
            elif dependency not in index:
                problems.append(Problem(path, f"unknown dependency '{dependency[:80]}'"))
            elif dependency in seen:
                problems.append(Problem(path, f"dependency '{dependency}' is named twice"))
            seen.add(dependency)
        return problems

    # -- the whole

    def graph(self, steps: list[WorkflowStep], index: Mapping[str, int]) -> graphs.Graph:
        try:
            return graphs.build([[index[d] for d in step.dependencies] for step in steps])
        except graphs.CycleFound as error:
            ids = [steps[n].id for n in error.cycle]
            shown = ids if len(ids) <= 10 else [*ids[:9], "..."]
            self.add(
                f"steps[{error.cycle[0]}].dependencies",
                f"step '{ids[0]}': the dependencies form a cycle: " + " -> ".join([*shown, ids[0]]),
            )
            raise self.error() from None

    def check_points(
        self, document: JsonObject, key: str, actual: tuple[str, ...], meaning: str
    ) -> None:
        stated = document.get(key)
        if stated is None:
            return
        expected = set(actual)
        for n, step_id in enumerate(stated):
            if step_id not in expected:
                self.add(f"{key}[{n}]", f"'{step_id[:80]}' is not a step with {meaning}")
        if missing := expected - set(stated):
            named = ", ".join(sorted(missing)[:10])
            self.add(key, f"every step with {meaning} belongs here; missing: {named}")

    def check_reads(
        self, steps: list[WorkflowStep], graph: graphs.Graph, index: Mapping[str, int]
    ) -> None:
        pairs = []
        for step in steps:
            for other in sorted(step.reads):
                if other in index:
                    pairs.append((step.position, index[other]))
                else:
                    self.add(
                        f"steps[{step.position}]",
                        f"step '{step.id}': an expression reads the unknown step '{other}'",
                    )
        for position, unordered in graph.non_ancestors(pairs):
            self.add(
                f"steps[{position}]",
                f"step '{steps[position].id}': an expression reads step '{steps[unordered].id}',"
                " which does not come before it; add it to the dependencies",
            )

    def check_branches(self, steps: list[WorkflowStep], graph: graphs.Graph) -> None:
        for step in steps:
            dependents = {steps[n].id for n in graph.dependents[step.position]}
            for path, branch in self.executors[step.step_type].branches(step):
                if branch not in dependents:
                    self.add(
                        f"steps[{step.position}].{path}",
                        f"step '{step.id}': '{branch}' is not a step that depends on this one",
                    )

    def outputs(self, outputs: JsonObject | None, index: Mapping[str, int]) -> frozenset[str]:
        reads: set[str] = set()
        for name, source in (outputs or {}).items():
            path = f"outputs.{name}"
            if not isinstance(source, str):
                self.add(path, "an output is an expression (text)")
                continue
            found = rules.check(rules.Expression(path, source, STEP_VARIABLES))
            self.problems += found
            if not found:
                reads |= rules.step_references(source)
                for unknown in sorted(rules.step_references(source) - index.keys()):
                    self.add(path, f"the expression reads the unknown step '{unknown}'")
        return frozenset(reads)

    # -- problems

    @property
    def full(self) -> bool:
        return len(self.problems) >= _MAX_PROBLEMS

    def add(self, path: str, message: str) -> None:
        if not self.full:
            self.problems.append(Problem(path, message))

    def error(self) -> InvalidDefinition:
        return InvalidDefinition(problems=self.problems[:_MAX_PROBLEMS])

    def stop_if_wrong(self) -> None:
        if self.problems:
            raise self.error()
