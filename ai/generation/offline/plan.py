"""What the planner has understood of a requirement, as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from ai.generation.offline.conditions import Condition
from ai.generation.offline.fields import Field
from ai.generation.offline.formulas import Formula
from ai.generation.offline.people import Choice


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A URL that is read or written to. `asked`: the sentence that asks for it."""

    url: str
    method: str
    reads: bool
    asked: str
    status: bool = False
    format: str = "json"
    columns: tuple[Field, ...] = ()
    parameter: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Something that a language model does.

    Attributes:
        said: its task; asked: the sentence that gives it.
        options: it chooses one of these; parts: it finds these.
    """

    said: str
    asked: str
    name: str
    options: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What must hold. `kind`: `rule` with a condition, or what a text must be like."""

    said: str
    kind: str
    subject: str = ""
    condition: Condition | None = None
    length: bool = False


@dataclass(kw_only=True, slots=True)
class Approval:
    """A person who decides."""

    role: str
    choices: tuple[Choice, ...]
    said: str


@dataclass(kw_only=True, slots=True)
class Branch:
    """One way of a route: whom it asks, what it does, whether it ends there."""

    condition: Condition
    said: str
    approvals: list[Approval] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    rejects: bool = False
    label: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nothing has been said yet of what follows."""
        return not (self.approvals or self.tasks or self.calls or self.rejects or self.label)


@dataclass(kw_only=True, slots=True)
class Route:
    """A decision by rules over one subject."""

    subject: str
    branches: list[Branch] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Plan:
    """A requirement, understood as far as it goes.

    Attributes:
        left: sentences whose rules and persons are not understood whole.
        unmet: (what is asked, why no step does it).
    """

    title: str
    fields: list[Field] = field(default_factory=list)
    columns: list[Field] = field(default_factory=list)
    by_form: bool = False
    table: bool = False
    fetched: list[Field] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    formulas: list[Formula] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    flow: list[Route | Approval] = field(default_factory=list)
    schedule: str | None = None
    left: list[str] = field(default_factory=list)
    unmet: list[tuple[str, str]] = field(default_factory=list)

    @property
    def does_something(self) -> bool:
        """Whether there is more than names of data."""
        return bool(
            self.calls or self.formulas or self.tasks or self.checks or self.flow
            or (self.by_form and self.fields)
        )  # fmt: skip
