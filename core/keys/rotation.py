"""The lives of data keys: replaced, wrapped anew, destroyed. Each change is audited."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from core.audit.actors import Actor
from core.audit.recording import action, record
from core.encryption import AUDIT, INSTALLATION, Owner
from core.errors import InvalidInput, KeyDestroyed, NotFound
from core.keys import providers, store
from core.keys.providers import KeyProvider
from core.keys.ring import data_keys
from core.models import DataKey

_State = DataKey.State


def rotate(*, actor: Actor, owner: Owner = INSTALLATION, instead_of: str | None = None) -> DataKey:
    """Gives the owner a new key. The one before only opens from now on.

    Args:
        instead_of: the key to replace. Nothing happens where another one has taken its place.

    Returns:
        The key that is active then.

    Raises:
        KeyUnavailable: the provider does not wrap keys now.
        KeyDestroyed: the owner's keys are gone.
        InvalidInput: the audit log's key does not rotate: it encrypts nothing.
    """
    if owner == AUDIT:
        raise InvalidInput("The audit log's key does not rotate: it encrypts nothing.")
    store.of_owner(owner)  # makes the first one
    new = store.new_key(owner)  # before any lock: a provider may take seconds
    with transaction.atomic():
        list(_of(owner).select_for_update(no_key=True).values_list("kid"))
        # Another statement: while it waited for the lock, another key may have come.
        active = _of(owner).filter(state=_State.ACTIVE).first()
        if active is None:
            raise KeyDestroyed(f"The encryption keys of {owner} were destroyed.")
        if instead_of not in {None, active.kid}:
            return active
        with action(actor, "key.rotate", ("key", new.kid), owner=str(owner)) as done:
            done.tell(instead_of=active.kid)
            _of(owner).filter(kid=active.kid).update(state=_State.DECRYPT_ONLY, rotated_at=Now())
            rotated = DataKey.objects.create(
                kid=new.kid,
                owner_kind=owner.kind,
                owner_id=owner.id,
                provider=new.provider,
                wrapped=new.wrapped,
            )
    data_keys.expire()
    return rotated


def rotate_old(*, actor: Actor, older_than: timedelta) -> int:
    """Replaces every key that has been active for longer; how many those were."""
    old = DataKey.objects.filter(state=_State.ACTIVE, created_at__lt=Now() - older_than).exclude(
        owner_kind=AUDIT.kind
    )
    keys = list(old)
    for key in keys:
        rotate(actor=actor, owner=key.owner, instead_of=key.kid)
    return len(keys)


def rewrap(*, actor: Actor) -> int:
    """Wraps every key by the newest master key of today's provider; how many those were.

    After it the provider that wrapped them before, or its older master keys, are needed no more.
    """
    name = providers.current_name()
    provider = providers.provider(name)
    keys = list(DataKey.objects.exclude(state=_State.DESTROYED))
    rewrapped = sum(_rewrapped(key, name, provider) for key in keys)
    record(actor, "key.rewrap", ("provider", name), keys=rewrapped)
    return rewrapped


def _rewrapped(key: DataKey, name: str, provider: KeyProvider) -> int:
    bound_to = store.binding(key.kid, key.owner)
    plain = providers.provider(key.provider).unwrap(key.wrapped, bound_to=bound_to)
    wrapped = provider.wrap(plain, bound_to=bound_to)
    # Not where somebody has destroyed it meanwhile.
    rows = DataKey.objects.filter(kid=key.kid, wrapped=key.wrapped)
    return rows.update(provider=name, wrapped=wrapped)


def destroy(*, actor: Actor, owner: Owner) -> int:
    """Destroys an owner's keys and with them whatever they have sealed, for good.

    Every process has forgotten them within a minute, and the owner gets no new one. A backup that
    has the rows still has the keys, wrapped.

    Returns:
        How many keys were destroyed.

    Raises:
        InvalidInput: the installation's keys, or the audit log's, cannot be destroyed.
        NotFound: the owner has never had keys.
    """
    if owner.id is None:
        raise InvalidInput(f"The keys of the {owner} cannot be destroyed.")
    if not _of(owner).exists():
        raise NotFound(f"There are no keys of {owner}.")
    with action(actor, "key.destroy", (owner.kind, owner.id)) as done:
        keys = _of(owner).exclude(state=_State.DESTROYED)
        kids = sorted(keys.select_for_update().values_list("kid", flat=True))
        keys.update(state=_State.DESTROYED, wrapped="", destroyed_at=Now())
        done.tell(keys=kids)
    data_keys.expire()
    return len(kids)


def _of(owner: Owner) -> QuerySet[DataKey]:
    return DataKey.objects.filter(owner_kind=owner.kind, owner_id=owner.id)
