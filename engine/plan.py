"""Ready steps -> the next segments of a run, each of which becomes one Celery canvas.

A pure function of the definition and of what is ready. It never decides what may run (the rows
do): a segment only says which messages carry the steps, and a message whose step is not ready does
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from engine.definition import WorkflowDefinition

MAX_FUSED = 50  # cheap steps in one message
MAX_LINKS = 8  # tasks in one chain; what lies behind is the next segment


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One message: these steps, one after the other, on this queue."""

    positions: tuple[int, ...]
    queue: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """Tasks that follow each other: a linear stretch, or the only task there is."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chord:
    """Branches that meet: the tasks of `header` side by side, then the join in `body`."""

    header: tuple[Task, ...]
    body: Task


Segment = Chain | Chord


def next_segments(
    definition: WorkflowDefinition, ready: Collection[int], *, max_fused: int = MAX_FUSED
) -> list[Segment]:
    """The segments that carry the steps at the `ready` positions, and what follows them in line.

    One ready step gives a chain along its linear stretch. Of several, those whose branches are one
    task each and meet in one join give a chord; cheap ones that meet nowhere share messages; the
    others give a chain each.

    Args:
        max_fused: how many cheap steps share one message at most.
    """
    segments: list[Segment] = []
    meeting: dict[int | None, list[Task]] = defaultdict(list)
    for position in sorted(ready):
        tasks, join = _stretch(definition, position, max_fused)
        if len(ready) == 1 or len(tasks) > 1 or (join is None and not _fusible(definition, tasks)):
            segments.append(Chain(tasks=tasks))
        else:
            meeting[join].append(tasks[0])
    for join, branches in meeting.items():
        tasks = tuple(_packed(definition, branches, max_fused))
        if join is None:
            segments += [Chain(tasks=(task,)) for task in tasks]
            continue
        body = Task(positions=(join,), queue=definition.steps[join].queue)
        if len(branches) == 1:
            segments.append(Chain(tasks=tasks))
        elif len(tasks) == 1:
            segments.append(Chain(tasks=(*tasks, body)))
        else:
            segments.append(Chord(header=tasks, body=body))
    return segments


def _stretch(
    definition: WorkflowDefinition, start: int, max_fused: int
) -> tuple[tuple[Task, ...], int | None]:
    """The tasks along the line that begins at `start`, and the join that it ends in, if any."""
    groups: list[list[int]] = []
    position: int | None = start
    while position is not None:
        if groups and len(groups[-1]) < max_fused and _fits(definition, groups[-1], position):
            groups[-1].append(position)
        elif len(groups) == MAX_LINKS:
            return _tasks(definition, groups), None
        else:
            groups.append([position])
        dependents = definition.graph.dependents[position]
        if len(dependents) != 1:
            return _tasks(definition, groups), None
        if len(definition.graph.dependencies[dependents[0]]) > 1:
            return _tasks(definition, groups), dependents[0]
        position = dependents[0]
    raise AssertionError("a line ends at its last step")


def _fits(definition: WorkflowDefinition, group: list[int], position: int) -> bool:
    last, step = definition.steps[group[-1]], definition.steps[position]
    return last.inline and step.inline and last.queue == step.queue


def _tasks(definition: WorkflowDefinition, groups: list[list[int]]) -> tuple[Task, ...]:
    return tuple(
        Task(positions=tuple(group), queue=definition.steps[group[0]].queue) for group in groups
    )


def _fusible(definition: WorkflowDefinition, tasks: tuple[Task, ...]) -> bool:
    return all(definition.steps[n].inline for task in tasks for n in task.positions)


def _packed(definition: WorkflowDefinition, branches: list[Task], max_fused: int) -> Iterator[Task]:
    """The branches as messages: a slow one alone, cheap ones of one queue together."""
    shared: dict[str, list[int]] = defaultdict(list)
    for task in branches:
        if not _fusible(definition, (task,)):
            yield task
            continue
        positions = shared[task.queue]
        if len(positions) + len(task.positions) > max_fused:
            yield Task(positions=tuple(positions), queue=task.queue)
            positions = shared[task.queue] = []
        positions.extend(task.positions)
    for queue, positions in shared.items():
        yield Task(positions=tuple(positions), queue=queue)


def describe(definition: WorkflowDefinition, segments: Collection[Segment]) -> list[str]:
    """The segments as text for people: `chain(a + b | c)`, `chord([a, b + c] -> d)`."""

    def text(task: Task) -> str:
        names = " + ".join(definition.steps[n].id for n in task.positions)
        return names if task.queue == "default" else f"{names} @{task.queue}"

    lines = []
    for segment in segments:
        if isinstance(segment, Chain):
            lines.append(f"chain({' | '.join(map(text, segment.tasks))})")
        else:
            header = ", ".join(map(text, segment.header))
            lines.append(f"chord([{header}] -> {text(segment.body)})")
    return lines


def preview(definition: WorkflowDefinition) -> Iterator[list[Segment]]:
    """The segments of a whole run in which every step completes at once and every branch opens."""
    missing = [len(before) for before in definition.graph.dependencies]
    settled = [False] * len(missing)
    ready = definition.graph.roots
    while ready:
        segments = next_segments(definition, ready)
        yield segments
        touched: list[int] = []
        for position in (n for segment in segments for n in _in_order(segment)):
            if missing[position] or settled[position]:
                continue  # a join that still waits for another branch
            settled[position] = True
            for dependent in definition.graph.dependents[position]:
                missing[dependent] -= 1
                touched.append(dependent)
        ready = [n for n in dict.fromkeys(touched) if not missing[n] and not settled[n]]


def _in_order(segment: Segment) -> Iterator[int]:
    tasks = segment.tasks if isinstance(segment, Chain) else (*segment.header, segment.body)
    for task in tasks:
        yield from task.positions
