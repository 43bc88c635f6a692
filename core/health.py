"""The parts that the platform consists of, and how each tells whether it lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The state of one part. Shown to everybody: no names of hosts, no addresses, no errors.

    Attributes:
        ok: whether it does its work.
        age_seconds: since its last sign of life; None where there was none.
        needed: whether runs stand still without it.
        details: more of it, as JSON.
    """

    ok: bool
    age_seconds: float | None
    needed: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[], Part]

_checks: dict[str, Check] = {}


def register(name: str, check: Check) -> None:
    """Makes a part of an app known to `/health`. The check may ask the database, no one else."""
    _checks[name] = check


def checks() -> Mapping[str, Check]:
    """Every part that apps have registered."""
    return MappingProxyType(_checks)
