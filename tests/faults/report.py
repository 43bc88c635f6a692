"""What came of each fault: kept as JSON while the catalogue goes on, then docs/faults.md."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.plan import BY_NAME, FAULTS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"
_SOAK = "\n## Soak\n"
_HEAD = """\
# Faults survived

`make faults` injects each of these into real PostgreSQL, Valkey and worker processes and lets an
oracle judge every run that was open: it ended or rightly waits; each step has one committed
outcome; no step started before its dependencies had committed, or while its run was held; the
history replays to the stored state; effects outside repeat only under the same idempotency key. A
fault counts only where it hit: the step was running in the killed process and its attempt rose, the
queue was not empty before it was flushed, and so on.

Recovery is the time until what was lost ran again (after an outage: from its end), with a lease of
2 s, the reconciler every second and lost messages sent again after 2 s. The seed repeats a fault:
`make faults FAULT=name N=5 SEED=seed`.

| fault | hit | runs judged | recovery p95 | seed |
|---|---|---|---|---|
"""


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What came of one fault.

    Attributes:
        wanted, hits: how often it was to hit, and did.
        runs: how many runs the oracle judged.
        recovery: seconds, each.
        notes: figures worth telling.
    """

    fault: str
    wanted: int
    seed: int
    hits: int = 0
    runs: int = 0
    recovery: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it hit as often as it was to, and nothing was lost."""
        return not self.problems and self.hits == self.wanted

    def line(self) -> str:
        """The outcome in a line for the terminal."""
        verdict = "ok" if self.good else "FAILED"
        recovery = f", recovery p95 {p95(self.recovery):.1f} s" if self.recovery else ""
        return (
            f"{self.fault}: {verdict}, {self.hits} of {self.wanted}, {self.runs} runs"
            f"{recovery}, {self.seconds:.0f} s, seed {self.seed}"
        )


def p95(values: list[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def to_json(outcome: Outcome) -> str:
    """One line, from which `from_json` makes the same."""
    return json.dumps(asdict(outcome))


def from_json(line: str) -> Outcome:
    """What `to_json` wrote."""
    return Outcome(**json.loads(line))


def write(outcomes: dict[str, Outcome], *, machine: str) -> None:
    """Writes docs/faults.md."""
    rows = []
    for fault in FAULTS:
        outcome = outcomes[fault.name]
        recovery = f"{p95(outcome.recovery):.1f} s" if outcome.recovery else "-"
        rows.append(
            f"| {fault.what} (`{fault.name}`) | {outcome.hits:,} of {outcome.wanted:,} |"
            f" {outcome.runs:,} | {recovery} | {outcome.seed} |\n"
        )
    minutes = sum(outcome.seconds for outcome in outcomes.values()) / 60
    notes = [f"- {BY_NAME[o.fault].name}: {note}\n" for o in outcomes.values() for note in o.notes]
    foot = f"\n{machine}, {datetime.now(UTC):%Y-%m-%d}; {minutes:.0f} minutes of faults in all.\n"
    text = _HEAD + "".join(rows) + ("\n" + "".join(notes) if notes else "") + foot
    _, soak = _halves()
    DOCUMENT.write_text(text + soak)


def write_soak(text: str) -> None:
    """Writes the section on soaking beneath the faults."""
    faults, _ = _halves()
    DOCUMENT.write_text(f"{faults.rstrip()}\n\n{text}")


def _halves() -> tuple[str, str]:
    """The document before and from the section on soaking."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else "# Faults survived\n"
    faults, heading, soak = text.partition(_SOAK)
    return faults, heading + soak
