"""W1 and W2 on DBOS and Prefect, from a Python of their own, on the same PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from benchmarks.figures import Outcome, Series, Table
from benchmarks.loads.throughput import CONCURRENCY
from benchmarks.options import Options
from benchmarks.shapes import Shape
from workflow_platform.local import logs

PROGRAMS = Path(__file__).resolve().parents[1] / "peers"
# Fewer runs than the platform's: they take as long.
LOADS = (("W1", Shape(kind="chain", size=10), 40), ("W2", Shape(kind="fan", size=100), 4))
_ROUNDS = 3
_SECONDS = 900.0


def peers(options: Options) -> Outcome:
    """Steps a second of each; the same work, as their own documentation writes it."""
    rows = [
        [
            name,
            *(
                speed(options, program, shape, runs=options.scaled(runs)).text()
                for _, shape, runs in LOADS
            ),
        ]
        for name, program in (("DBOS", "dbos_peer.py"), ("Prefect", "prefect_peer.py"))
    ]
    table = Table(
        title="Peers",
        headings=("", *(f"{load}, steps/s" for load, _, _ in LOADS)),
        rows=rows,
        note=f"{CONCURRENCY} processes, the same function and the same PostgreSQL, a database of "
        "their own. " + ", ".join(f"{load}: {runs} runs a round" for load, _, runs in LOADS) + ".",
    )
    return Outcome(tables=[table])


def speed(options: Options, program: str, shape: Shape, *, runs: int) -> Series:
    """Steps a second by round, as the program itself measures them."""
    database = f"bench_{program.partition('_')[0]}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {database}")
    user, password = quote(os.environ["DB_USER"]), quote(os.environ["DB_PASSWORD"])
    env = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["DATA_DIR"],
        "PYTHONPATH": str(PROGRAMS.parents[1]),
        "BENCH_DATABASE": f"{user}:{password}@/{database}"
        f"?host={os.environ['DB_HOST']}&port={os.environ['DB_PORT']}",
    }
    rounds = min(options.rounds, _ROUNDS)
    numbers = (shape.size, runs, rounds, CONCURRENCY)
    with logs.appending(Path(os.environ["DATA_DIR"]) / "logs" / f"{database}.log") as errors:
        said = subprocess.run(
            [options.peers, PROGRAMS / program, shape.kind, *map(str, numbers)],
            env=env,
            cwd=os.environ["DATA_DIR"],
            check=True,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=_SECONDS,
        ).stdout
    seconds: list[float] = json.loads(said.splitlines()[-1])
    return Series.of(shape.steps * runs / each for each in seconds)
