"""A small model of a run's life: what each act leads to, said without counters, leases or rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["echo", "flaky", "fails", "fails_on", "when_not", "decides", "asks"]

SETTLED = ("completed", "skipped")
OPEN = ("pending", "ready", "waiting")
LOSSES = 3  # workers that a step may lose before it is given up
TRIES = 2  # executions of a flaky step, whose first one fails


@dataclass(kw_only=True, slots=True)
class Step:
    """A step of the model.

    Attributes:
        chosen: of a step that decides, the dependents that it opens.
        losses: workers lost since an operator last retried it.
        executions: how often its function was called.
    """

    kind: Kind
    before: list[str]
    chosen: frozenset[str] = frozenset()
    status: str = "pending"
    attempt: int = 0
    losses: int = 0
    executions: int = 0

    @property
    def settled(self) -> bool:
        """Whether its dependents count it."""
        return self.status in SETTLED or (self.status == "failed" and self.kind == "fails_on")


@dataclass(kw_only=True, slots=True)
class Life:
    """A run: its status and its steps'."""

    steps: dict[str, Step]
    status: str = "running"
    failing: bool = False
    held: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._spread()

    @property
    def claimable(self) -> bool:
        """Whether steps may start."""
        return self.status == "running" and not self.failing

    def claim(self, name: str) -> bool:
        """A worker takes the step, where it may."""
        step = self.steps[name]
        if not self.claimable or step.status != "ready":
            return False
        step.status, step.attempt = "running", step.attempt + 1
        return True

    def execute(self, name: str) -> None:
        """The worker does the step's work and settles."""
        step = self.steps[name]
        if step.kind == "when_not":
            self.settle(name, "skipped")
            return
        step.executions += 1
        if step.kind == "asks":
            self._not_now(step, "waiting")
        elif step.kind == "flaky" and step.executions < TRIES:
            self._not_now(step, "ready")
        elif step.kind in ("fails", "fails_on"):
            self.settle(name, "failed")
        else:
            self.settle(name, "completed")

    def settle(self, name: str, status: str) -> None:
        """The step ends so, and what follows from it."""
        step = self.steps[name]
        step.status = status
        if status == "failed" and step.kind != "fails_on" and not self.failing:
            self.failing = True
            for other in self.steps.values():
                if other.status in OPEN:
                    other.status = "cancelled"
        self._go_on()

    def lose(self, name: str) -> None:
        """The step's lease runs out."""
        step = self.steps[name]
        if self.failing or step.losses + 1 >= LOSSES:
            self.settle(name, "failed")
        else:
            step.losses += 1
            step.status = "ready"

    def pause(self) -> bool:
        if not self.claimable:
            return False
        self.status = "paused"
        return True

    def resume(self) -> bool:
        if self.status != "paused":
            return False
        self.status = "running"
        self._go_on()
        return True

    def cancel(self) -> bool:
        if self.status not in ("running", "paused"):
            return False
        self.status = "cancelled"
        for step in self.steps.values():
            if step.status in (*OPEN, "running"):
                step.status = "cancelled"
        return True

    def retry(self) -> bool:
        if self.status != "failed":
            return False
        self.status, self.failing = "running", False
        for step in self.steps.values():
            if step.status == "cancelled" or (step.status == "failed" and not step.settled):
                step.status, step.losses = "pending", 0
        self._go_on()
        return True

    def _not_now(self, step: Step, status: str) -> None:
        step.status = "cancelled" if self.failing else status
        self._go_on()

    def _go_on(self) -> None:
        if self.failing:
            if not any(step.status == "running" for step in self.steps.values()):
                self.status = "failed"
            return
        self._spread()
        sinks = set(self.steps) - {n for step in self.steps.values() for n in step.before}
        if self.status == "running" and all(self.steps[n].settled for n in sinks):
            self.status = "completed"

    def _spread(self) -> None:
        """Steps all of whose dependencies have settled are ready, or skipped if none leads here."""
        changed = True
        while changed:
            changed = False
            for name, step in self.steps.items():
                before = [self.steps[n] for n in step.before]
                if step.status != "pending" or not all(b.settled for b in before):
                    continue
                leads = not before or any(
                    b.status != "skipped" and (b.kind != "decides" or name in b.chosen)
                    for b in before
                )
                step.status, changed = "ready" if leads else "skipped", True
