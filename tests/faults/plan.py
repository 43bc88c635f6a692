"""Which faults there are, and how often each is injected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A row of the catalogue.

    Attributes:
        what: what happens, as docs/faults.md says it.
        n: how often it hits in the whole catalogue.
        subset: how often in the part that every check runs.
        minutes: about how long n take, for the longest to go first.
        alone: whether it compares times, which are others beside other lanes.
    """

    name: str
    what: str
    n: int
    subset: int
    minutes: float = 1.0
    alone: bool = False


FAULTS = (
    Fault(
        name="kill_worker",
        what="kill -9 of a worker process in the middle of a step",
        n=300,
        subset=4,
        minutes=5,
    ),
    Fault(
        name="kill_all",
        what="kill -9 of all workers, then new ones",
        n=100,
        subset=1,
        minutes=15,
    ),
    Fault(
        name="flush",
        what="FLUSHALL of the broker in the middle of runs",
        n=100,
        subset=1,
        minutes=8,
    ),
    Fault(
        name="broker_down",
        what="the broker is killed and away for 60 s (10 s in the subset); new runs are started",
        n=20,
        subset=1,
        minutes=28,
    ),
    Fault(
        name="postgres_stop",
        what="PostgreSQL `stop -m immediate` in the middle of runs, then started again",
        n=60,
        subset=1,
        minutes=4,
    ),
    Fault(
        name="postgres_restarts",
        what="runs that are open while PostgreSQL is stopped and started, again and again",
        n=5_000,
        subset=20,
        minutes=6,
    ),
    Fault(
        name="duplicates",
        what="messages that are delivered 2 to 5 times each",
        n=10_000,
        subset=60,
        minutes=3,
    ),
    Fault(
        name="reorder",
        what="runs whose messages come late and overtake each other",
        n=1_000,
        subset=10,
        minutes=2,
    ),
    Fault(
        name="pause_race",
        what="pause racing with completion, then two resumes at once",
        n=1_000,
        subset=10,
        minutes=4,
    ),
    Fault(name="cancel_race", what="cancel racing with completion", n=1_000, subset=10, minutes=2),
    Fault(
        name="resume_race",
        what="two resumes of one run at once",
        n=1_000,
        subset=10,
        minutes=2,
    ),
    Fault(
        name="answer_race",
        what="two answers to one form at once",
        n=1_000,
        subset=10,
        minutes=2,
    ),
    Fault(
        name="claim_race",
        what="eight claims of one step at once",
        n=10_000,
        subset=100,
        minutes=6,
    ),
    Fault(
        name="stopped_worker",
        what="a process is stopped for longer than its lease (SIGSTOP) and finishes late",
        n=200,
        subset=3,
        minutes=5,
    ),
    Fault(name="edited", what="the definition is edited in the middle of a run", n=100, subset=3),
    Fault(
        name="two_beats",
        what="due times sent by two beats; both are killed, and back as after ten minutes away",
        n=200,
        subset=0,  # tests/acceptance/test_beat.py runs in every check
        minutes=3,
    ),
    Fault(
        name="poison",
        what="a step that always kills its worker, beside other runs",
        n=30,
        subset=2,
        minutes=4,
        alone=True,
    ),
    Fault(name="out_of_memory", what="a step's process is killed from inside", n=100, subset=3),
    Fault(
        name="outputs",
        what="outputs of 1 B to 100 MB; those over 16 MiB fail as output_too_large",
        n=20,
        subset=5,
    ),
    Fault(
        name="deep",
        what="a line of 10,000 steps (1,000 in the subset)",
        n=10,
        subset=1,
        minutes=4,
        alone=True,
    ),
    Fault(
        name="wide",
        what="10,000 steps side by side (1,000 in the subset)",
        n=10,
        subset=1,
        minutes=4,
        alone=True,
    ),
    Fault(
        name="rolling_restart",
        what="SIGTERM to one of two workers after the other",
        n=50,
        subset=1,
        minutes=8,
    ),
    Fault(
        name="key_provider_down",
        what="Vault is sealed while workers start anew: steps wait, nothing is overwritten",
        n=30,
        subset=1,
        minutes=8,
    ),
    Fault(
        name="failpoints",
        what="a process is killed, fails or stalls at each of six points of a step's way",
        n=18,
        subset=18,
        minutes=2,
    ),
    Fault(
        name="random_failpoints",
        what="the same, at random moments under load",
        n=200,
        subset=4,
        minutes=4,
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
