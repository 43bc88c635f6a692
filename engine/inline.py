"""Runs workflows in this process, without a broker: for tests and tries.

Rows, transitions and messages are those of a worker; only their delivery is a list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from uuid import UUID

from engine import plan, runner
from engine.definition import WorkflowDefinition
from engine.plan import Chain, Task


class InlineBroker:
    """Keeps what is sent, and runs it when asked. `send` stands where `canvas.send` does."""

    def __init__(self) -> None:
        self._messages: deque[tuple[UUID, Task, int | None]] = deque()
        self._sent = 0

    def send(
        self, execution_id: UUID, definition: WorkflowDefinition, ready: Collection[int]
    ) -> None:
        """Keeps the tasks that carry these ready steps, in the order in which they may run."""
        for segment in plan.next_segments(definition, ready):
            if isinstance(segment, Chain):
                following = [*segment.tasks[1:], None]
                pairs = list(zip(segment.tasks, following, strict=True))
            else:
                pairs = [(task, segment.body) for task in segment.header] + [(segment.body, None)]
            for task, after in pairs:
                self._messages.append((execution_id, task, after.positions[0] if after else None))

    def run(self) -> None:
        """Runs messages until none is left; waits and later retries stay as they are."""
        while self._messages:
            execution_id, task, then = self._messages.popleft()
            self._sent += 1
            trace = {"task": f"inline-{self._sent}"}
            runner.run_steps(execution_id, list(task.positions), then, trace=trace, send=self.send)
