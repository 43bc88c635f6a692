"""People and processes that act at the same moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from engine import history
from engine.models import ExecutionEvent, WorkflowExecution
from engine.services import WorkflowEngine
from engine.transitions import checkpoint, steps
from engine.workflows import create_workflow, update_workflow
from tests.faults import loads, oracle
from tests.faults.loads import effect
from tests.faults.site import Site, at_once
from tests.faults.trial import Round
from tests.support.workflows import definition, step

_CLOSE = 0.25  # seconds from the end of a run in which an act counts as racing with it


def _act_on_each(
    site: Site, random: Random, wanted: int, act: Callable[[UUID], bool]
) -> tuple[list[UUID], dict[UUID, bool]]:
    """Starts runs and acts on each at a random moment of the short time that it takes."""
    site.staff(concurrency=4)
    document = random.choice(loads.ALL)(0.01)
    runs, done = [], {}
    for _ in range(min(wanted, 40)):
        run_id = site.start(document)
        runs.append(run_id)
        time.sleep(random.uniform(0, 0.12))
        done[run_id] = act(run_id)
    return runs, done


def _close_ones(runs: list[UUID], kind: str) -> int:
    """Runs in which an event of this kind, or the run's end in its place, fell among others."""
    hits = 0
    for run_id in runs:
        events = list(
            ExecutionEvent.objects.filter(execution_id=run_id).values_list("kind", "created_at")
        )
        moments = [at for name, at in events if name == kind]
        steps_at = [at for name, at in events if name.startswith("step.")]
        last = steps_at[-1]
        hits += any(abs((at - last).total_seconds()) < _CLOSE for at in moments) or not moments
    return hits


def pause_race(site: Site, random: Random, wanted: int) -> Round:
    """Pause while the run is about to end; whoever was paused is resumed by two at once."""
    engine = WorkflowEngine()
    runs, paused = _act_on_each(site, random, wanted, engine.pause_workflow)
    time.sleep(0.3)  # steps that ran finish; nothing new may start
    problems = []
    for run_id in (run for run, done in paused.items() if done):
        resume = partial(engine.resume_workflow, run_id)
        if sorted(map(str, at_once(resume, resume))) != ["False", "True"]:
            problems.append(f"run {run_id}: not resumed just once")
    return Round(runs=runs, hits=_close_ones(runs, history.EXECUTION_PAUSED), problems=problems)


def cancel_race(site: Site, random: Random, wanted: int) -> Round:
    """Cancel while the run is about to end: it is cancelled or completed, never both."""
    runs, cancelled = _act_on_each(site, random, wanted, WorkflowEngine().cancel_workflow)
    oracle.rest(runs, seconds=30)
    status = dict(WorkflowExecution.objects.filter(id__in=runs).values_list("id", "status"))
    problems = [
        f"run {run}: cancel said {said}, and it is {status[run]}"
        for run, said in cancelled.items()
        if said != (status[run] == "cancelled")
    ]
    return Round(
        runs=runs,
        hits=_close_ones(runs, history.EXECUTION_CANCELLED),
        expected=("completed", "cancelled"),
        problems=problems,
    )


def resume_race(site: Site, random: Random, wanted: int) -> Round:
    """Two resumes of one paused run at the same moment."""
    site.staff(concurrency=4)
    engine = WorkflowEngine()
    runs = [site.start(random.choice(loads.ALL)(0.05)) for _ in range(min(wanted, 40))]
    paused = [run for run in runs if engine.pause_workflow(run)]
    problems = []
    for run_id in paused:
        resume = partial(engine.resume_workflow, run_id)
        if sorted(map(str, at_once(resume, resume))) != ["False", "True"]:
            problems.append(f"run {run_id}: not resumed just once")
    return Round(runs=runs, hits=len(paused), problems=problems)


def answer_race(site: Site, random: Random, wanted: int) -> Round:
    """Two answers to one form at the same moment: one is taken, the other is told."""
    site.staff(concurrency=4)
    engine = WorkflowEngine()
    runs = [site.start(loads.waiting()) for _ in range(min(wanted, 40))]
    site.until_waiting(runs, "ask")
    problems = []
    for run_id in runs:
        answers: list[Callable[[], Any]] = [
            partial(engine.answer_step, run_id, "ask", {"by": n}, user=site.user) for n in (1, 2)
        ]
        codes = sorted(getattr(said, "code", "taken") for said in at_once(*answers))
        if codes != ["not_waiting", "taken"]:
            problems.append(f"run {run_id}: two answers gave {codes}")
    return Round(runs=runs, hits=len(runs), problems=problems)


def claim_race(site: Site, random: Random, wanted: int) -> Round:
    """Eight claims of the same step, by both paths: one holds."""
    site.dismiss()
    size = min(wanted, 100)
    names = [f"s{n}" for n in range(size)]
    run_id = site.start(definition(*(step(name) for name in names), name=f"Claims {size}"))
    order = [random.sample(range(size), size)] * 8

    def claim_all(worker: int) -> list[int]:
        taken = []
        for n in order[worker]:
            path = random.choice((checkpoint, steps))
            claim = path.claim(run_id, n, owner=f"claimer {worker}", trace={})
            if claim is not None:
                taken.append(n)
        return taken

    found = at_once(*(partial(claim_all, worker) for worker in range(8)))
    problems = [f"a claim raised {f!r}" for f in found if isinstance(f, Exception)]
    taken = sorted(n for f in found if isinstance(f, list) for n in f)
    if taken != list(range(size)):
        problems.append(f"{size} steps were claimed {len(taken)} times")
    winners = sum(bool(f) for f in found if isinstance(f, list))
    site.broker.flushall()
    WorkflowEngine().cancel_workflow(run_id)
    return Round(
        runs=[run_id],
        hits=size if winners > 1 else 0,
        expected=("cancelled",),
        problems=problems,
    )


def edited(site: Site, random: Random, wanted: int) -> Round:
    """The definition gets other steps while runs of it are half done: they keep theirs."""
    site.staff(concurrency=4)
    old = random.choice(loads.ALL)(1.0)
    new = definition(effect("x"), effect("slow", "x"), name=old["name"])
    workflow = create_workflow(document=old, owner=site.user)
    runs = [site.run(workflow) for _ in range(min(wanted, 5))]
    site.until_running(runs)
    workflow = update_workflow(workflow=workflow, document=new, user=site.user)
    hit = WorkflowExecution.objects.filter(id__in=runs, status="running").count()
    after = site.run(workflow)
    oracle.rest([*runs, after], seconds=30)
    problems = []
    for run_id, document in [*((run, old) for run in runs), (after, new)]:
        ids = {s["id"] for s in document["steps"]}
        done = set(WorkflowExecution.objects.get(id=run_id).steps.values_list("step_id", flat=True))
        if done != ids:
            problems.append(f"run {run_id} has the steps {done}, not {ids}")
    return Round(runs=[*runs, after], hits=hit, problems=problems)
