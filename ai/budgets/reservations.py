"""Reserve, call, settle: no call is sent whose cost could pass a hard limit.

Before a call the most that it may cost is set aside in each of its accounts; after it the exact
cost takes that place. No lock is held while the model thinks. What becomes of the money:

- the endpoint answered: its exact cost is spent;
- the call cost nothing (it was rejected, or never sent): it is released;
- nobody knows (a time-out, a cut connection, an answer without usage, a worker that was killed): it
  is unconfirmed and counts as if it were spent, so that a limit holds whatever the bill says. It
  stays to be seen; an operator who has seen the bill releases or confirms it. A worker that only
  was slow settles it exactly when it comes back.

A model without a known price cannot be bounded: it is refused where a hard limit holds, and
otherwise called and counted as one of the unpriced calls, never at a guess.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Now

from ai import lost, metrics
from ai.budgets import alerts, bounds, statements
from ai.budgets.accounts import accounts_of, today
from ai.budgets.errors import AIBudgetExhausted, AIPriceUnknown, AIRunBudgetSpent
from ai.budgets.models import AIBudgetReservation, ReservationState
from ai.budgets.statements import Balance
from ai.calls import Caller
from ai.errors import AIError
from ai.progress import reports
from ai.progress.reports import Phase
from ai.providers.base import Prompt, Provider
from core.ids import uuid7

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

# How long a call waits on its worker for others to settle, before its step is parked: shortly
# before a limit it is their reservations, not their costs, that fill it.
PATIENCE = 20.0
_GRACE = timedelta(seconds=60)  # beyond a call's own time limit
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds
_PLACES = Decimal(1).scaleb(-10)
_MOST_OPENED = 10_000
_opened: set[str] = set()  # accounts that this process has seen to have rows
_OPEN = (ReservationState.RESERVED, ReservationState.UNCONFIRMED)


class Reservation:
    """What is set aside for one call. Closed once; closing again changes nothing."""

    def __init__(self, pk: UUID, amount: Decimal | None) -> None:
        self.id = pk
        self.amount = amount
        self.closed = False

    def settle(self, cost: Decimal | None) -> None:
        """The endpoint answered.

        Args:
            cost: None where it cannot be known: then the reserved amount counts, if there is one.
        """
        if cost is None and self.amount is not None:
            self.doubt()
            return
        exact = Decimal(0) if cost is None else cost.quantize(_PLACES, rounding=ROUND_HALF_UP)
        self._close(ReservationState.SETTLED, cost=exact, unpriced=int(cost is None))
        if self.amount is not None and exact > self.amount:
            metrics.budget_bounds_passed.inc()
            logger.error("An AI call cost $%s; at most $%s had been expected", exact, self.amount)

    def release(self) -> None:
        """The call cost nothing."""
        self._close(ReservationState.RELEASED)

    def doubt(self) -> None:
        """The call was sent, and nobody knows what it cost: the most that it may have."""
        self._close(ReservationState.UNCONFIRMED)

    def _close(self, to: ReservationState, **told: Any) -> None:
        self.closed = True
        try:
            _reconnecting(lambda: close(self.id, to=to, allowed=_OPEN, **told))
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block:
                raise
            # Its lease runs out, and it counts as unconfirmed.
            logger.exception("AI budget reservation %s not closed", self.id)


@contextmanager
def reserved(
    prompt: Prompt, *, caller: Caller, via: Provider, number: int = 1
) -> Iterator[Reservation | None]:
    """Sets the most that the call may cost aside for the block, which sends it.

    The block calls `settle` when it has an answer. If it does not, its error tells what becomes of
    the money. Gives None, and asks nobody, where calls are free.

    Args:
        number: which call of the attempt it is.

    Waits for a while, at most half of the call's own time limit, where the costs of other calls
    leave room and their reservations do not.

    Raises:
        AIBudgetExhausted: a hard limit leaves no room; nothing was sent.
        AIRunBudgetSpent: no more will come of the budget that the run's definition has.
        AIPriceUnknown: a hard limit holds, and the model has no known price.
    """
    if not via.endpoint:
        yield None
        return
    amount = bounds.most_usd(prompt, endpoint=via.endpoint)
    reservation = reserve(
        amount,
        caller=caller,
        model=prompt.model,
        provider=via.name,
        number=number,
        lease=timedelta(seconds=prompt.timeout) + _GRACE,
        patience=min(PATIENCE, prompt.timeout / 2),
    )
    try:
        yield reservation
    except BaseException as error:
        if not reservation.closed:
            free = isinstance(error, AIError) and not error.may_cost
            reservation.release() if free else reservation.doubt()
        raise
    if not reservation.closed:
        reservation.doubt()


def reserve(
    amount: Decimal | None,
    *,
    caller: Caller,
    model: str,
    lease: timedelta,
    patience: float = 0.0,
    provider: str = "",
    number: int = 1,
) -> Reservation:
    """Sets the amount aside in the caller's accounts. Raises AIBudgetExhausted, AIPriceUnknown.

    Args:
        amount: the most that the call may cost; None where its price is not known.
        lease: after which the call's worker counts as lost.
    """
    made = Reservation(uuid7(), amount)
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    told = {"model": model[:100], "lease": lease, "provider": provider, "number": number}
    while (balances := _try(made, caller=caller, **told)) is not None:
        short = _short(balances, amount)
        if amount is None:
            raise AIPriceUnknown(
                f"A hard limit holds for this call, and the price of the model '{model}' is not "
                "known."
            )
        left = deadline - time.monotonic()
        if left <= 0 or any(_is_spent(balance, amount) for balance in short):
            metrics.budget_refusals.labels(short[0].scope).inc()
            for balance in short:
                if balance.own is not None and balance.counted + amount > balance.own:
                    # A run's definition never changes: there is nothing to wait for.
                    logger.warning(
                        "%s: $%s of $%s are spent, and a call may cost $%s",
                        balance.id, balance.counted, balance.own, amount,
                    )  # fmt: skip
                    raise AIRunBudgetSpent.of(balance.own)
            raise AIBudgetExhausted(_told(short[0]), amount=amount, balance=short[0])
        reports.tell(Phase.WAITING_FOR_BUDGET)
        time.sleep(min(left, pause * random.uniform(0.5, 1.0)))  # noqa: S311 # nosec B311 # jitter
        pause = min(pause * 2, _LONGEST_PAUSE)
    return made


def expire(*, limit: int = 200) -> int:
    """Counts what workers left behind as unconfirmed: the call may have been sent and paid for.

    Each of their calls has a row then; where the worker was lost behind that, its cost is known.

    Returns:
        How many reservations that were.
    """
    due = AIBudgetReservation.objects.filter(
        state=ReservationState.RESERVED, expires_at__lte=Now()
    ).order_by("expires_at", "id")
    expired = 0
    for reservation in due[:limit]:
        cost = lost.recorded(reservation)
        to = ReservationState.UNCONFIRMED if cost is None else ReservationState.SETTLED
        pk, allowed = reservation.id, (ReservationState.RESERVED,)
        if close(pk, to=to, allowed=allowed, cost=cost, expired_only=True):
            expired += 1
            logger.warning("AI budget reservation %s: its worker was lost; now it is %s", pk, to)
    return expired


def close(
    pk: UUID, *, to: ReservationState, allowed: Sequence[ReservationState], **told: Any
) -> bool:
    """Moves a reservation's money on; False where another has done so. Tells of passed limits."""
    closed = statements.close(
        pk, to=to, allowed=allowed, default_soft=settings.AI_DAILY_ALERT_USD, **told
    )
    if closed is None:
        return False
    amount, passed = closed
    if to == ReservationState.UNCONFIRMED and amount:
        metrics.budget_unconfirmed.inc()
    alerts.tell(passed)
    return True


def _try(made: Reservation, *, caller: Caller, **told: Any) -> list[Balance] | None:
    """None where the money is set aside, else how the accounts stand."""
    accounts = accounts_of(caller, today())

    def ask() -> tuple[bool, bool, list[Balance]]:
        return statements.reserve(
            made.id,
            accounts=[account.id for account in accounts],
            amount=made.amount,
            organisation=caller.organisation_id,
            workflow=caller.workflow_id,
            user=caller.user_id,
            execution=caller.execution_id,
            step=caller.step_execution_id,
            attempt=caller.attempt,
            agent=caller.agent_type,
            **told,
        )

    new = [account for account in accounts if account.id not in _opened]
    if new:
        statements.open_accounts(new, run_limit=caller.run_limit_usd)
        if len(_opened) > _MOST_OPENED:
            _opened.clear()
        _opened.update(account.id for account in new)
    complete, room, balances = ask()
    if not complete:  # opened in a transaction that was rolled back, or deleted since
        statements.open_accounts(accounts, run_limit=caller.run_limit_usd)
        complete, room, balances = ask()
    return None if complete and room else balances


def _short(balances: Sequence[Balance], amount: Decimal | None) -> list[Balance]:
    """The accounts without room, those first that have none even when all others have settled."""
    limited = [balance for balance in balances if balance.hard is not None]
    if amount is None:
        return limited
    full = [b for b in limited if b.counted + b.reserved + amount > (b.hard or 0)]
    return sorted(full, key=lambda balance: not _is_spent(balance, amount))


def _is_spent(balance: Balance, amount: Decimal) -> bool:
    return balance.hard is not None and balance.counted + amount > balance.hard


def _told(balance: Balance) -> str:
    # Without figures: whoever may run a workflow need not know what its organisation spends.
    when = {"day": " of today", "month": " of this month", "run": ""}[balance.period]
    return f"The call may cost more than the {balance.scope}'s AI budget{when} has left."


def _reconnecting(act: Callable[[], _Result]) -> _Result:
    """Acts, and once more over a new connection: the old may have been cut while the model thought.

    Closing twice is harmless, also where the first was committed and its answer lost.
    """
    try:
        return act()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return act()
