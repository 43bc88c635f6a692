"""What every step type is made of: the documented executor and the result that it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from core.errors import PlatformError, Problem
from engine import rules, validation
from engine.context import JsonObject, WorkflowContext

if TYPE_CHECKING:
    from engine.definition import WorkflowStep

# Variables of every expression in a step's configuration.
STEP_VARIABLES = frozenset({"inputs", "steps", "run"})

Effect = Literal["none", "guard", "model", "person", "call", "unknown"]
"""What a step does besides giving an output.

none: nothing, and the output follows from what it reads. guard: it also fails on purpose, so that
others do not run. model: it asks a language model, which costs. person: it waits for somebody.
call: it calls another system. unknown: nobody says.
"""


class StepFailed(PlatformError):
    """The step could not do its work."""

    code = "step_failed"
    status = 500
    permanent = False


class StepRefused(StepFailed):
    """The step refused its input: trying again would not help."""

    code = "step_refused"
    permanent = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """A figure of one step that analytics sums over the run, whoever produced it.

    Attributes:
        name: such as `ai_tokens`; value: the figure; unit: such as `tokens`.
    """

    name: str
    value: float
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingFor:
    """What a step waits for, durably and holding no worker.

    Attributes:
        kind: who or what ends the waiting: a person by an answer, a budget by having room.
        title: one line for the person who is asked, or what there is to wait for.
        form: JSON Schema of the answer; empty where nobody is asked.
        details: what the person needs to know, shown beside the form.
    """

    kind: Literal["person", "budget"]
    title: str
    form: JsonObject
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepResult:
    """How a step ended, or what it waits for.

    Attributes:
        output: what later steps and the run's results see.
        measurements: figures for analytics.
        waiting_for: the step is not done: it waits for this.
        closed: ids of the dependents that do not go on.
        sent_back: of an answer: the step runs again, and finds this as `details` in its row's
            `waiting_data`.
        told: of an answer: what the audit log says of it. Never payload: words of the step type's
            own.
    """

    output: JsonObject = field(default_factory=dict)
    measurements: Sequence[Measurement] = ()
    waiting_for: WaitingFor | None = None
    closed: frozenset[str] = frozenset()
    sent_back: JsonObject | None = None
    told: JsonObject = field(default_factory=dict)


class WorkflowStepExecutor(ABC):
    """Carries out the steps of one type. Stateless: one instance serves every thread.

    The four abstract methods are the documented interface; the others have defaults that suit most
    types.
    """

    step_type: ClassVar[str]
    description: ClassVar[str]
    config_schema: ClassVar[JsonObject] = {"type": "object"}
    queue: ClassVar[str] = "default"

    @abstractmethod
    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject | StepResult:
        """Does the step's work. `step.config` has its `${...}` filled in.

        Raises:
            PlatformError: with `permanent` telling whether a retry could help.
        """

    @abstractmethod
    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        """Whether the configuration, as filled in for this run, can be executed."""

    @abstractmethod
    def get_required_inputs(self) -> list[str]:
        """What every step of this type reads, as expressions such as `inputs.customer`."""

    @abstractmethod
    def get_outputs(self) -> list[str]:
        """The keys that an output of this type always has."""

    def get_queue(self, step: WorkflowStep) -> str:
        """The Celery queue that the step runs on."""
        return self.queue

    def is_inline(self, step: WorkflowStep) -> bool:
        """Whether the step is so cheap that neighbours may share its message."""
        return False

    def effect(self, step: WorkflowStep) -> Effect:
        """What the step does besides giving an output; nothing is changed about what is unknown."""
        return "unknown"

    def expressions(self, step: WorkflowStep) -> list[rules.Expression]:
        """Every expression in the step's configuration; paths are relative to the step."""
        return rules.interpolations(step.config, "config")

    def problems(self, step: WorkflowStep) -> list[Problem]:
        """What is wrong with the configuration beyond its schema; paths are relative to the
        step.
        """
        return []

    def refusals(self, step: WorkflowStep) -> list[Problem]:
        """What this deployment would refuse when the step runs; paths are relative to the step.

        Asked of new definitions only: what is stored stays readable when the deployment changes.
        """
        return []

    def secrets(self, step: WorkflowStep) -> list[tuple[str, str]]:
        """The secrets that the configuration names, as (path relative to the step, name)."""
        return []

    def branches(self, step: WorkflowStep) -> list[tuple[str, str]]:
        """The dependents that the step may choose among, as (path, step id)."""
        return []

    def resolve(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        """The configuration with its `${...}` filled in from the context."""
        config: JsonObject = rules.interpolate(step.config, context.data)
        return config

    def answer(self, step: WorkflowStep, context: WorkflowContext, answer: Any) -> StepResult:
        """What a waiting step makes of its answer.

        Raises:
            InvalidInput: the answer does not fit; the step goes on waiting.
        """
        raise StepRefused(f"A step of type {self.step_type} takes no answer.")

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        """What the step could give, found out without any effect outside: for dry runs.

        `step.config` is filled in as for `execute`. Types that only compute give what they would
        give; all others a sample of what they put out.
        """
        return StepResult(output=dict.fromkeys(self.get_outputs(), "sample"))


def as_result(returned: JsonObject | StepResult) -> StepResult:
    """A dict that an executor returned, as the StepResult that it stands for."""
    return returned if isinstance(returned, StepResult) else StepResult(output=returned)


def conforms(executor: WorkflowStepExecutor, step: WorkflowStep) -> bool:
    """Whether a filled-in configuration fits the executor's schema: the usual `validate`."""
    return not validation.check_value(step.config, schema=executor.config_schema)
