"""AIWorkflowGenerator: requirements in plain words -> a checked definition with explanations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ai import client
from ai.calls import Answer, Caller
from ai.generation import prompts
from ai.generation.dry_run import dry_run
from ai.generation.errors import REFUSALS, GenerationFailed, RequirementsRefused
from ai.generation.examples import Example, WorkflowTemplateEngine
from ai.generation.library import WorkflowStepLibrary
from ai.generation.schemas import ANALYSIS, DRAFT
from ai.providers.base import Provider
from core.errors import Problem
from core.json import JsonObject
from engine import definitions, registry
from engine.definition import InvalidDefinition
from engine.schedules import check_cron

MAX_ATTEMPTS = 3
"""Drafts that a model is asked for: the first and its repairs."""
TIMEOUT = 120.0
AGENT_TYPE = "generation"
_KEYS = ("id", "name", "step_type", "description", "config", "dependencies", "ai_prompt", "when",
         "retry", "timeout", "on_error", "validation_rules")  # fmt: skip
_NO_CATEGORY = "generated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """What is asked, and within which limits.

    Attributes:
        text: plain words.
        name, category: of the workflow; chosen where empty.
        base: a definition that is to be changed.
        step_types: the only ones that may be used; none: all.
        max_steps: the most steps; 0: as many as a definition may have.
        model: of the calls; the configured one where empty.
        experience_level: of who works with the draft; determined where empty.
    """

    text: str
    name: str = ""
    category: str = ""
    base: JsonObject | None = None
    step_types: tuple[str, ...] = ()
    max_steps: int = 0
    model: str = ""
    experience_level: str = ""

    @property
    def limits(self) -> JsonObject:
        """The options that bound the draft."""
        given: dict[str, Any] = {
            "step_types": list(self.step_types),
            "max_steps": self.max_steps,
            "experience_level": self.experience_level,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(kw_only=True, slots=True)
class Draft:
    """A valid definition and how it came about.

    Attributes:
        explanations: `{"step_id", "explanation", "requirement"}` for each step.
        not_covered: `{"requirement", "reason"}`.
        schedule: cron that the text asks for, or "": nobody has set it up.
        notice: what the reader must know about the draft's origin.
        attempts: drafts that were asked for.
    """

    definition: JsonObject
    explanations: list[JsonObject]
    not_covered: list[JsonObject]
    schedule: str
    analysis: JsonObject
    examples: list[str]
    patterns: list[str]
    model: str
    provider: str
    notice: str
    attempts: int = 1


@dataclass(kw_only=True, slots=True)
class Trace:
    """What is known of a generation, also where it fails: the model, and since when it runs."""

    model: str = ""
    provider: str = ""
    started: float = field(default_factory=time.monotonic)


class AIWorkflowGenerator:
    """Draws up workflows. Saves nothing: `ai.generation.services` keeps drafts and rows."""

    def __init__(self, *, caller: Caller | None = None, via: Provider | None = None) -> None:
        self.llm_client = via or self._initialize_llm()
        self.caller = caller or Caller(agent_type=AGENT_TYPE)
        self.template_engine = WorkflowTemplateEngine()
        self.trace = Trace(provider=self.llm_client.name)

    def generate(self, requirements: Requirements) -> Draft:
        """A draft that passes the validator and a dry run.

        Raises:
            RequirementsRefused: vague, contradictory or impossible; with what to say.
            GenerationFailed: no draft was valid, with the validator's problems.
            AIError: the model was not reached or gave no answer.
        """
        library = WorkflowStepLibrary(requirements.step_types or None)
        analysis = self._analyze_requirements(requirements, library)
        examples = self.template_engine.closest(requirements.text)
        structure = self._generate_workflow_structure(analysis, examples)
        return self._select_and_configure_steps(requirements, library, structure, examples)

    generate_advanced = generate

    def _initialize_llm(self) -> Provider:
        return client.provider()

    def _analyze_requirements(
        self, requirements: Requirements, library: WorkflowStepLibrary
    ) -> JsonObject:
        """The five determinations and the verdict. Raises RequirementsRefused."""
        text = prompts.analysis(requirements.text, list(library.executors))
        analysis: JsonObject = self._ask(text, prompts.ANALYSIS_SYSTEM, ANALYSIS, requirements).data
        refusal = REFUSALS.get(analysis["verdict"])
        if refusal is not None:
            questions = [Problem("requirements", said) for said in analysis["questions"]]
            raise refusal(analysis["reason"] or None, problems=questions)
        if requirements.experience_level:
            analysis["experience_level"] = requirements.experience_level
        return analysis

    def _generate_workflow_structure(
        self, analysis: JsonObject, examples: list[Example]
    ) -> JsonObject:
        """How the steps are to be arranged: the analysis, and the patterns of close templates."""
        patterns = dict.fromkeys(pattern for example in examples for pattern in example.patterns)
        return {**analysis, "patterns": list(patterns)}

    def _select_and_configure_steps(
        self,
        requirements: Requirements,
        library: WorkflowStepLibrary,
        structure: JsonObject,
        examples: list[Example],
    ) -> Draft:
        """Asks for the steps until they are valid, at most `MAX_ATTEMPTS` times."""
        first = text = prompts.draft(
            requirements.text,
            structure=structure,
            library=library.entries(),
            functions=library.functions(),
            examples=[example.definition for example in examples],
            base=requirements.base,
            options=requirements.limits,
        )
        problems: list[Problem] = []
        for attempt in range(1, MAX_ATTEMPTS + 1):
            answer = self._ask(text, prompts.DRAFT_SYSTEM, DRAFT, requirements)
            found: JsonObject = answer.data
            document = _document(found, requirements, examples)
            problems = self._validate_workflow(document, requirements, library)
            if not problems:
                schedule, refused = _schedule(found)
                return Draft(
                    definition=document,
                    explanations=[_explanation(step) for step in found["steps"]],
                    not_covered=[*found["not_covered"], *refused],
                    schedule=schedule,
                    analysis={k: v for k, v in structure.items() if k != "patterns"},
                    examples=[example.name for example in examples],
                    patterns=structure["patterns"],
                    model=answer.model,
                    provider=answer.provider,
                    notice=answer.notice,
                    attempts=attempt,
                )
            if not self.llm_client.endpoint:
                break  # the same question has the same answer
            text = prompts.repair(first, answer=found, problems=problems, number=attempt)
        raise GenerationFailed(problems=problems)

    def _validate_workflow(
        self, document: JsonObject, requirements: Requirements, library: WorkflowStepLibrary
    ) -> list[Problem]:
        """What the validator, the limits and a dry run say against a definition."""
        try:
            definition = definitions.parse(document)
        except InvalidDefinition as error:
            return list(error.problems)
        found = [
            Problem(f"steps[{step.position}].step_type", f"'{step.step_type}' is not allowed here")
            for step in definition.steps
            if step.step_type not in library.executors
        ]
        if requirements.max_steps and len(definition.steps) > requirements.max_steps:
            found.append(
                Problem("steps", f"at most {requirements.max_steps} steps are allowed here")
            )
        known = registry.executors()
        for last in (False, True):
            found += dry_run(definition, executors=known, last=last).problems
        return list(dict.fromkeys(found))

    def _ask(
        self, text: str, system: str, schema: JsonObject, requirements: Requirements
    ) -> Answer:
        prompt = client.new_prompt(
            text,
            system=system,
            schema=schema,
            model=requirements.model or None,
            timeout=TIMEOUT,
            cache=False,  # whether a draft is valid shows later: who asks again wants another
        )
        self.trace.model = prompt.model
        answer = client.ask(prompt, caller=self.caller, via=self.llm_client)
        self.trace.model = answer.model
        return answer


def _document(found: JsonObject, requirements: Requirements, examples: list[Example]) -> JsonObject:
    """The definition that an answer describes, with the marks of its origin."""
    closest = examples[0].category if examples else ""
    document: JsonObject = {
        "name": (requirements.name or found["name"])[:255],
        "description": found.get("description", ""),
        "version": "1.0",
        "category": (requirements.category or found.get("category") or closest or _NO_CATEGORY),
        "ai_configurable": True,
        "inputs": found["inputs"] or None,
        "steps": [_step(raw, requirements) for raw in found["steps"]],
    }
    if found.get("outputs"):
        document["outputs"] = found["outputs"]
    return document


def _schedule(found: JsonObject) -> tuple[str, list[JsonObject]]:
    """The cron that the answer suggests; where no schedule could have it, what is not covered."""
    cron: str = found.get("schedule", "").strip()
    if not cron or (message := check_cron(cron)) is None:
        return cron, []
    return "", [{"requirement": f"Schedule: {cron}", "reason": message}]


def _step(raw: Mapping[str, Any], requirements: Requirements) -> JsonObject:
    step = {key: raw[key] for key in _KEYS if key in raw}
    said = raw.get("ai_prompt") or requirements.text[:2_000]
    return {**step, "ai_generated": True, "ai_prompt": said}


def _explanation(step: Mapping[str, Any]) -> JsonObject:
    return {
        "step_id": step["id"],
        "explanation": step["explanation"],
        "requirement": step.get("ai_prompt", ""),
    }


__all__ = ["AIWorkflowGenerator", "Draft", "Requirements", "RequirementsRefused", "Trace"]
