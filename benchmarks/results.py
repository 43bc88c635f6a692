"""Writes RESULTS.md and the README's chart from the outcomes of a full run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import chart, machine
from benchmarks.figures import Outcome, Table
from benchmarks.options import Options

RESULTS = Path(__file__).with_name("RESULTS.md")
CHART = Path(__file__).resolve().parents[1] / "docs" / "images" / "benchmark.svg"
_HEAD = """\
# Benchmarks

Written by `{command}` on {date}. Both sides run on the same servers in the same run, round by round
in turn; figures are medians of {rounds} rounds, with the lowest and the highest in brackets. The
platform runs with its history and its encryption on, PostgreSQL with fsync; raw Celery runs [the
same functions](work.py) as a plain canvas with Redis results ([its settings](baseline/app.py)),
without durability. Starting the runs counts, through `WorkflowEngine.execute_workflow`.
"""


def bars(outcomes: Mapping[str, Outcome]) -> Table:
    """What the platform is judged by."""
    return Table(
        title="Bars",
        headings=("load", "what", "measured", "floor", "goal", ""),
        rows=[bar.cells() for outcome in outcomes.values() for bar in outcome.bars],
    )


def write(options: Options, outcomes: Mapping[str, Outcome]) -> None:
    """Replaces both files."""
    command = "make bench" + (" PEERS=1" if options.peers else "")
    date = datetime.now(UTC).date().isoformat()
    head = _HEAD.format(command=command, date=date, rounds=options.rounds)
    facts = "\n".join(f"- {name}: {value}" for name, value in machine.facts())
    tables = [bars(outcomes), *(t for outcome in outcomes.values() for t in outcome.tables)]
    sections = "\n".join(table.markdown() for table in tables)
    RESULTS.write_text(f"{head}\n{facts}\n\n{sections}")
    CHART.parent.mkdir(parents=True, exist_ok=True)
    groups = [(o.heading, o.speeds) for o in outcomes.values() if o.speeds]
    CHART.write_text(chart.draw("Steps a second (more is better)", groups))
