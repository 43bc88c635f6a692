"""Who keeps the keys does not answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from django.test import override_settings

from core.keys import providers, store
from core.keys.ring import data_keys
from core.models import DataKey
from engine import history
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from tests.faults import loads, oracle
from tests.faults.site import Site
from tests.faults.trial import Round
from tests.support.vault import VaultServer
from tests.support.workers import wait_until

_WAITS = 20.0  # seconds in which each run's step has found out and waits


def key_provider_down(site: Site, random: Random, wanted: int) -> Round:
    """Vault is sealed while workers are killed and start anew, without any key in memory."""
    done = Round()
    with _vault(site) as vault:
        for _ in range(min(wanted, 10)):
            _seal_once(site, random, vault, done)
            done.hits += 1
    return done


def _seal_once(site: Site, random: Random, vault: VaultServer, done: Round) -> None:
    site.staff(concurrency=4)
    runs = [site.start(random.choice(loads.ALL)(1.0)) for _ in range(4)]
    site.until_running(runs)
    vault.sealed = True
    for worker in site.workers:
        worker.kill()
    before = _stored(runs)
    site.staff(concurrency=4)
    runs.append(site.start(loads.chain(0.1)))  # this process has its keys
    found_out = ExecutionEvent.objects.filter(
        execution_id__in=runs, kind=history.STEP_RETRYING, data__code="key_unavailable"
    )
    waiting = found_out.values("execution_id").distinct()
    done.runs += runs
    wait_until(lambda: waiting.count() == len(runs), what="all runs to wait", seconds=_WAITS)
    done.problems += _changed(before, _stored(runs))
    vault.sealed = False
    back = datetime.now(UTC)
    oracle.rest(runs, seconds=60)
    ended = WorkflowExecution.objects.filter(id__in=runs).values_list("completed_at", flat=True)
    done.recovery.append(max((at - back).total_seconds() for at in ended if at))


@contextmanager
def _vault(site: Site) -> Iterator[VaultServer]:
    """The site's keys are Vault's inside the block: its workers start anew, and ask it."""
    server = VaultServer()
    options = server.options()
    environment = {
        "KEY_RETRY_SECONDS": "2",
        "KEY_PROVIDER": "vault",
        "VAULT_ADDR": options["address"],
        "VAULT_TOKEN": options["token"],
        "VAULT_TRANSIT_MOUNT": options["mount"],
        "VAULT_TRANSIT_KEY": options["key"],
    }
    site.dismiss()
    site.start(loads.chain(0))  # now there is a key
    os.environ |= environment
    try:
        with override_settings(VAULT=options):
            _wrap_by("vault")
            yield server
            server.sealed = False
            _wrap_by("file")
    finally:
        for name in environment:
            del os.environ[name]
        site.dismiss()
        server.close()


def _wrap_by(name: str) -> None:
    """Hands all data keys over to another provider."""
    for row in DataKey.objects.all():
        key = store.find(row.kid)
        assert key is not None
        wrapped = providers.provider(name).wrap(
            key.unwrap(), bound_to=store.binding(key.kid, key.owner)
        )
        DataKey.objects.filter(kid=key.kid).update(provider=name, wrapped=wrapped)
    data_keys.expire()


def _stored(runs: list[UUID]) -> dict[tuple[UUID, str], Any]:
    """What is stored encrypted of runs and of their steps, as it is."""
    columns = {
        WorkflowExecution: ("context", "results", "error_message"),
        StepExecution: ("input_data", "output_data", "waiting_data"),
    }
    return {
        (row["id"], column): row[column]
        for model, names in columns.items()
        for row in model.objects.filter(  # type: ignore[attr-defined]
            **{"id__in" if model is WorkflowExecution else "execution_id__in": runs}
        ).values("id", *names)
        for column in names
        if row[column] is not None
    }


def _changed(before: dict[tuple[UUID, str], Any], after: dict[tuple[UUID, str], Any]) -> list[str]:
    return [
        f"{column} of {pk} was overwritten while the key was away"
        for (pk, column), sealed in before.items()
        if after.get((pk, column)) != sealed
    ]
