"""Master keys that data keys depend on and that this process does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Func, TextField, Value

from core.health import Part
from core.keys import providers
from core.models import DataKey

_OWN = ("env", "file")  # whose master keys the platform holds itself; Vault is not asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A master key that is not here.

    Attributes:
        id: how rows name it.
        provider: where it was, `env` or `file`.
        keys: how many data keys it wraps.
    """

    id: str
    provider: str
    keys: int


def missing(*, common: bool = False) -> Sequence[Missing]:
    """The master keys that are not here. `common`: looks only at keys that belong to nobody."""
    keys = DataKey.objects.exclude(state=DataKey.State.DESTROYED).filter(provider__in=_OWN)
    if common:
        keys = keys.filter(owner_id=None)
    wrapping = Func(
        F("wrapped"), Value(":"), Value(1), function="split_part", output_field=TextField()
    )
    found = (
        keys.order_by()
        .annotate(master=wrapping)
        .values_list("provider", "master")
        .annotate(Count("kid"))
        .order_by("provider", "master")
    )
    held = {name: providers.held(name) for name in _OWN}
    return [
        Missing(id=master, provider=name, keys=count)
        for name, master, count in found
        if master not in held[name]
    ]


def health() -> Part:
    """Whether the master keys are here that everything depends on."""
    ids = [master.id for master in missing(common=True)]
    return Part(ok=not ids, age_seconds=None if ids else 0.0, details={"missing": ids})
