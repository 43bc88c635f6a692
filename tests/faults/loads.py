"""The graphs that faults hit: chain, fan-out with a join, decision, slow and cheap steps mixed.

Each has one slow step named `slow` in the middle, which runs while the fault is injected.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tests.support.workflows import definition, step

Document = dict[str, Any]


def effect(step_id: str, *after: str, **config: Any) -> dict[str, Any]:
    """A step with an effect outside; see `effects.executors`."""
    return step(step_id, *after, step_type="EFFECT", config=config)


def chain(seconds: float) -> Document:
    """Two cheap steps, the slow one, three cheap ones."""
    ids = ["a", "b", "slow", "c", "d", "e"]
    return definition(
        effect(ids[0]),
        *(
            effect(after, before, **({"seconds": seconds} if after == "slow" else {}))
            for before, after in pairwise(ids)
        ),
        name="Chain",
    )


def fan_out(seconds: float) -> Document:
    """Six cheap branches and the slow one meet in a join."""
    branches = [f"b{n}" for n in range(6)]
    return definition(
        effect("a"),
        *(effect(branch, "a") for branch in branches),
        effect("slow", "a", seconds=seconds),
        effect("join", *branches, "slow"),
        effect("end", "join"),
        name="Fan-out",
    )


def decision(seconds: float) -> Document:
    """A branch that is taken, one that is skipped, and a join behind both."""
    return definition(
        effect("a"),
        step(
            "choose",
            "a",
            step_type="DECISION",
            config={"rules": [{"when": "1 < 2", "then": ["slow"]}], "default": ["other"]},
        ),
        effect("slow", "choose", seconds=seconds),
        effect("other", "choose"),
        effect("after_other", "other"),
        effect("join", "slow", "after_other"),
        name="Decision",
    )


def ragged(seconds: float) -> Document:
    """Not series-parallel: slow and cheap steps whose branches meet in several places."""
    return definition(
        effect("a"),
        effect("slow", "a", seconds=seconds),
        effect("b", "a"),
        effect("c", "a", seconds=seconds / 10),
        effect("d", "b", "c"),
        effect("e", "slow", "b"),
        effect("f", "d", "e"),
        effect("g", "c"),
        name="Ragged",
    )


ALL: tuple[Callable[[float], Document], ...] = (chain, fan_out, decision, ragged)


def ask(step_id: str, *after: str) -> dict[str, Any]:
    """A step that waits for a person."""
    config = {"source": "form", "title": "Go on?", "form": {"type": "object"}}
    return step(step_id, *after, step_type="DATA_COLLECTION", config=config)


def waiting() -> Document:
    """Cheap, then a person, then cheap."""
    return definition(effect("a"), ask("ask", "a"), effect("b", "ask"), name="Waiting")


def deep(size: int) -> Document:
    """One line of cheap steps."""
    steps = [step("s0"), *(step(f"s{n}", f"s{n - 1}") for n in range(1, size))]
    return definition(*steps, name=f"Deep {size}")


def wide(size: int) -> Document:
    """As many cheap steps side by side, and a join."""
    branches = [f"s{n}" for n in range(size)]
    return definition(
        step("root"), *(step(b, "root") for b in branches), step("join", *branches), name="Wide"
    )
