"""Many at once, on connections of their own: nothing overspent, little left, nothing locked."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Sum

from ai.budgets import reservations
from ai.budgets.errors import AIBudgetExhausted, AIRunBudgetSpent
from ai.budgets.models import AIBudgetAccount, AIBudgetReservation, ReservationState
from ai.calls import Caller
from ai.models import AIStepExecution
from core.models import Organisation, User
from core.organisations import create_organisation
from tests.ai.budgets.payers import account, figures, limit, payer, reserve
from tests.support.workers import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

D = Decimal
WORKERS = 50


@pytest.fixture
def team(user: User) -> Organisation:
    return create_organisation(name="Team", founder=user)


def at_once(work: Callable[[int], object]) -> None:
    """Lets fifty threads do the work, each on its own connection, all beginning together."""
    barrier = threading.Barrier(WORKERS)

    def begin(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(60)
            work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(begin, range(WORKERS)))


@pytest.mark.timeout(180)
def test_fifty_workers_spend_the_limit_and_no_more(team: Organisation) -> None:
    limit("1", organisation=team)
    caller = payer(team)
    spent: list[Decimal] = []
    counted_when_parked: list[Decimal] = []

    def work(number: int) -> None:
        chance = random.Random(number)
        while True:
            try:
                reservation = reserve("0.02", caller, patience=60)
            except AIBudgetExhausted as error:
                if error.balance is not None:
                    counted_when_parked.append(error.balance.counted)
                return
            # As a model's answers are: mostly far below what was reserved.
            cost = D(chance.randint(1, 200)) / 10_000
            reservation.settle(cost)
            spent.append(cost)

    at_once(work)
    assert figures("organisation:") == (sum(spent), 0, 0)
    assert sum(spent) <= 1
    assert len(counted_when_parked) == WORKERS
    assert min(counted_when_parked) >= D("0.9")
    assert account("organisation:").calls == len(spent)


@pytest.mark.timeout(180)
def test_fifty_workers_within_limits_of_every_kind(team: Organisation, user: User) -> None:
    """A day, a month, users and runs at once, of which now one and now another is full first."""
    limit("1.2", organisation=team)
    limit("1", period="month", organisation=team)
    limit("0.5", scope="user")
    users, runs = [uuid4() for _ in range(3)], [uuid4() for _ in range(6)]
    spent: dict[str, Decimal] = {}
    lock = threading.Lock()

    def work(number: int) -> None:
        chance = random.Random(number)
        ids = {"user_id": users[number % 3], "execution_id": runs[number % 6]}
        caller = replace(payer(team, **ids), run_limit_usd=D("0.3"))
        while True:
            try:
                reservation = reserve("0.02", caller, patience=60)
            except (AIBudgetExhausted, AIRunBudgetSpent):
                return
            cost = D(chance.randint(1, 200)) / 10_000
            reservation.settle(cost)
            with lock:
                for name in AIBudgetReservation.objects.get(id=reservation.id).accounts:
                    spent[name] = spent.get(name, D(0)) + cost

    at_once(work)
    rows = AIBudgetAccount.objects.all()
    assert {row.id: row.spent_usd for row in rows} == spent
    assert {row.reserved_usd for row in rows} == {0}
    most = {"month:organisation": D(1), "organisation": D("1.2"), "user": D("0.5"), "run": D("0.3")}
    for name, usd in spent.items():
        kind = next((kind for kind in most if name.startswith(f"{kind}:")), None)
        assert kind is None or usd <= most[kind], name
    assert spent[account("month:organisation:").id] >= D("0.9")


@pytest.mark.timeout(180)
def test_accounts_that_cross_never_deadlock(team: Organisation, user: User) -> None:
    """Every call has other accounts in common with every other one."""
    other = create_organisation(name="Other", founder=user)
    workflows, users, runs = ([uuid4() for _ in range(3)] for _ in range(3))
    totals: dict[str, Decimal] = {}
    lock = threading.Lock()

    def work(number: int) -> None:
        chance = random.Random(number)
        for _ in range(20):
            caller = Caller(
                agent_type="step",
                organisation_id=chance.choice([team, other]).id,
                workflow_id=chance.choice(workflows),
                user_id=chance.choice(users),
                execution_id=chance.choice(runs),
            )
            reservation = reserve("0.01", caller, lease=timedelta(seconds=chance.choice((-1, 60))))
            if chance.random() < 0.3:
                reservations.expire()
            reservation.settle(D("0.003"))
            with lock:
                for name in AIBudgetReservation.objects.get(id=reservation.id).accounts:
                    totals[name] = totals.get(name, D(0)) + D("0.003")

    at_once(work)
    rows = AIBudgetAccount.objects.all()
    assert {row.id: row.spent_usd for row in rows} == totals
    left = rows.aggregate(Sum("reserved_usd"), Sum("unconfirmed_usd"))
    assert set(left.values()) == {0}
    assert account("platform:").calls == WORKERS * 20


KILLED = """
import os, signal, sys
import django
django.setup()
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID
from ai import client
from ai.budgets import reservations
from ai.calls import Caller
from ai.providers.base import Completion
from django.conf import settings

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class Provider:
    name, endpoint = "openai", "http://127.0.0.1:9/v1"
    def complete(self, prompt):
        if sys.argv[2] == "in the call":
            die()
        return Completion(
            text="Fine.", model="m", finish="stop", prompt_tokens=10, completion_tokens=20
        )

reservations.Reservation.settle = die  # behind the row
reservations._GRACE = timedelta(0)
settings.AI_PRICES = {"m": {"input": 0, "output": Decimal(6_000), "cached_input": None}}
caller = Caller(agent_type="step", organisation_id=UUID(sys.argv[1]))
prompt = client.new_prompt("Say it.", model="m", max_tokens=100, timeout=1)
client.ask(prompt, caller=caller, via=Provider())
"""


def killed(team: Organisation, where: str) -> None:
    """A process asks a model and is killed; its lease has run out when this returns."""
    process = subprocess.run(
        [sys.executable, "-c", KILLED, str(team.id), where],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "workflow_platform.settings",
            "DB_NAME": str(settings.DATABASES["default"]["NAME"]),
        },
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    assert figures("organisation:") == (0, 0, D("0.6"))
    deadline = AIBudgetReservation.objects.get().expires_at
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM %s - clock_timestamp())))", [deadline]
        )


@pytest.mark.timeout(120)
def test_a_process_killed_between_reserve_and_settle_leaks_nothing(team: Organisation) -> None:
    limit("1", organisation=team)
    killed(team, "in the call")
    # Two sweeps at once count it once.
    at_once(lambda number: reservations.expire())
    assert figures("organisation:") == (0, D("0.6"), 0)
    row = AIStepExecution.objects.get()
    assert (row.error_code, row.response, row.exact_cost_usd) == ("worker_lost", "", None)
    assert (row.organisation, row.ai_model, row.call_number) == (team, "m", 1)
    reserve("0.4", payer(team)).settle(D("0.4"))
    with pytest.raises(AIBudgetExhausted):
        reserve("0.0000000001", payer(team))
    # The bill says that the call never arrived.
    reservation = AIBudgetReservation.objects.get(state="unconfirmed")
    assert reservations.close(
        reservation.id,
        to=ReservationState.RELEASED,
        allowed=(ReservationState.UNCONFIRMED,),
    )
    assert figures("organisation:") == (D("0.4"), 0, 0)


@pytest.mark.timeout(120)
def test_a_process_killed_behind_its_row_has_told_the_cost(team: Organisation) -> None:
    limit("1", organisation=team)
    killed(team, "behind the row")
    at_once(lambda number: reservations.expire())
    row = AIStepExecution.objects.get()
    assert (row.error_code, row.response, row.exact_cost_usd) == ("", "Fine.", D("0.12"))
    assert figures("organisation:") == (D("0.12"), 0, 0)
    assert account("organisation:").calls == 1
