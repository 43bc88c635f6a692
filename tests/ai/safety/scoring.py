"""How well values are found: by kind, strictly.

A value counts as found where every character of it is covered. A finding counts as right where it
lies inside a value of its own kind: one that takes a word more with it is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ai.safety.detection import find
from tests.ai.safety.corpus import Sample


@dataclass(slots=True)
class Score:
    """Counts by kind, and the first examples of what went wrong."""

    values: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def recall(self, kind: str | None = None) -> float:
        return _ratio(self.found, self.values, kind)

    def precision(self, kind: str | None = None) -> float:
        return _ratio(self.right, self.findings, kind)

    def table(self) -> str:
        lines = [f"{'kind':<12} {'values':>7} {'recall':>7} {'findings':>9} {'precision':>10}"]
        for kind in (*sorted(self.values), None):
            values = self.values[kind] if kind else self.values.total()
            findings = self.findings[kind] if kind else self.findings.total()
            recall, precision = self.recall(kind), self.precision(kind)
            lines.append(
                f"{kind or 'all':<12} {values:>7} {recall:>7.4f} {findings:>9} {precision:>10.4f}"
            )
        return "\n".join(lines)


def score(samples: Iterable[Sample]) -> Score:
    """What the detector makes of the texts."""
    result = Score()
    for sample in samples:
        findings = find(sample.text)
        for finding in findings:
            kind = finding.kind.name
            result.findings[kind] += 1
            if any(
                span.kind == kind and span.start <= finding.start and finding.end <= span.end
                for span in sample.spans
            ):
                result.right[kind] += 1
            else:
                result.wrong.append(_shown(kind, sample, finding.start, finding.end))
        for span in sample.spans:
            result.values[span.kind] += 1
            covered = sum(max(0, min(span.end, f.end) - max(span.start, f.start)) for f in findings)
            if covered == span.end - span.start:
                result.found[span.kind] += 1
            else:
                result.missed.append(_shown(span.kind, sample, span.start, span.end))
    return result


def _ratio(part: Counter[str], whole: Counter[str], kind: str | None) -> float:
    if kind is None:
        return part.total() / max(whole.total(), 1)
    return part[kind] / max(whole[kind], 1)


def _shown(kind: str, sample: Sample, start: int, end: int) -> str:
    text = sample.text
    return f"{kind} {text[start:end]!r} in {text[max(0, start - 40) : end + 25]!r}"
