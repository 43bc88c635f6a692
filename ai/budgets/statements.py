"""The SQL of budgets: one statement to reserve, one to close.

Every statement that changes accounts locks all of them first, in the order of their ids, which no
two statements can then do in a circle; and it commits by itself, so that no lock outlives it. A
locked row is read as it is after the wait, not as it was when the statement began (READ COMMITTED).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ai.budgets.accounts import Account
from ai.budgets.models import BudgetPeriod, BudgetScope
from engine.statements import execute

_FITS = """
       budget.scope = account.scope AND budget.period = account.period
   AND (budget.organisation_id IS NULL OR budget.organisation_id = account.organisation_id)
   AND (budget.workflow_id IS NULL OR budget.workflow_id = account.workflow_id)
   AND (budget.user_id IS NULL OR budget.user_id = account.user_id)
"""

# An amount that is not known (NULL) has room only where nothing limits it.
_RESERVE = """
WITH account AS MATERIALIZED (
    SELECT id, scope, period, organisation_id, workflow_id, user_id, limit_usd,
           spent_usd + unconfirmed_usd AS counted, reserved_usd AS reserved
      FROM ai_budget_accounts
     WHERE id = ANY(%(accounts)s::text[])
     ORDER BY id
       FOR NO KEY UPDATE
), judged AS MATERIALIZED (
    SELECT account.id, account.scope, account.period, account.counted, account.reserved,
           least(min(budget.hard_limit_usd), account.limit_usd) AS hard, account.limit_usd AS own
      FROM account
      LEFT JOIN ai_budgets AS budget ON <fits>
     GROUP BY account.id, account.scope, account.period, account.counted, account.reserved,
              account.limit_usd
), verdict AS MATERIALIZED (
    SELECT count(*) = cardinality(%(accounts)s::text[]) AS complete,
           bool_and(hard IS NULL
                    OR coalesce(counted + reserved + %(amount)s::numeric <= hard, FALSE)) AS room
      FROM judged
), reserved AS (
    UPDATE ai_budget_accounts AS row
       SET reserved_usd = row.reserved_usd + coalesce(%(amount)s::numeric, 0),
           updated_at = statement_timestamp()
      FROM verdict
     WHERE row.id = ANY(%(accounts)s::text[]) AND verdict.complete AND verdict.room
), made AS (
    INSERT INTO ai_budget_reservations
           (id, accounts, amount_usd, state, expires_at, ai_model, organisation_id, execution_id,
            step_execution_id, attempt, workflow_id, user_id, agent_type, provider, call_number)
    SELECT %(id)s::uuid, %(accounts)s::text[], coalesce(%(amount)s::numeric, 0), 'reserved',
           statement_timestamp() + %(lease)s::interval, %(model)s::text,
           %(organisation)s::uuid, %(execution)s::uuid, %(step)s::uuid, %(attempt)s::int,
           %(workflow)s::uuid, %(user)s::uuid, %(agent)s::text, %(provider)s::text,
           %(number)s::smallint
      FROM verdict
     WHERE verdict.complete AND verdict.room
)
SELECT verdict.complete, verdict.room, judged.id, judged.scope, judged.period, judged.counted,
       judged.reserved, judged.hard, judged.own
  FROM verdict
  LEFT JOIN judged ON TRUE
 ORDER BY judged.id
""".replace("<fits>", _FITS)

# In the order of ids, as they are locked.
_OPEN = """
INSERT INTO ai_budget_accounts
       (id, scope, period, day, organisation_id, workflow_id, user_id, execution_id, limit_usd,
        spent_usd, unconfirmed_usd, reserved_usd, calls, unpriced_calls, updated_at)
SELECT id, scope, period, day, organisation_id, workflow_id, user_id, execution_id, limit_usd,
       0, 0, 0, 0, 0, statement_timestamp()
  FROM unnest(%(ids)s::text[], %(scopes)s::text[], %(periods)s::text[], %(days)s::date[],
              %(organisations)s::uuid[], %(workflows)s::uuid[], %(users)s::uuid[],
              %(executions)s::uuid[], %(limits)s::numeric[])
       AS account (id, scope, period, day, organisation_id, workflow_id, user_id, execution_id,
                   limit_usd)
 ORDER BY id
    ON CONFLICT DO NOTHING
"""

_CLOSE = """
WITH old AS MATERIALIZED (
    SELECT id, state, accounts, amount_usd AS amount
      FROM ai_budget_reservations
     WHERE id = %(id)s::uuid AND state = ANY(%(from)s::text[]) <due>
       FOR NO KEY UPDATE <skip>
), closed AS (
    UPDATE ai_budget_reservations AS row
       SET state = %(to)s::text, cost_usd = %(cost)s::numeric, closed_at = statement_timestamp()
      FROM old
     WHERE row.id = old.id
), locked AS MATERIALIZED (
    SELECT row.id
      FROM ai_budget_accounts AS row, old
     WHERE row.id = ANY(old.accounts)
     ORDER BY row.id
       FOR NO KEY UPDATE OF row
), account AS (
    UPDATE ai_budget_accounts AS row
       SET reserved_usd = row.reserved_usd
                        - CASE old.state WHEN 'reserved' THEN old.amount ELSE 0 END,
           unconfirmed_usd = row.unconfirmed_usd
                           - CASE old.state WHEN 'unconfirmed' THEN old.amount ELSE 0 END
                           + CASE %(to)s::text WHEN 'unconfirmed' THEN old.amount ELSE 0 END,
           spent_usd = row.spent_usd + coalesce(%(cost)s::numeric, 0),
           calls = row.calls + CASE %(to)s::text WHEN 'settled' THEN 1 ELSE 0 END,
           unpriced_calls = row.unpriced_calls + %(unpriced)s::int,
           updated_at = statement_timestamp()
      FROM old
     WHERE row.id IN (SELECT id FROM locked)
 RETURNING row.id, row.scope, row.period, row.organisation_id, row.workflow_id, row.user_id,
           row.spent_usd + row.unconfirmed_usd AS counted
), soft AS (
    SELECT account.id, account.scope, account.organisation_id, account.counted,
           budget.soft_limit_usd AS soft
      FROM account
      JOIN ai_budgets AS budget ON <fits>
     UNION
    SELECT account.id, account.scope, account.organisation_id, account.counted,
           %(default)s::numeric
      FROM account
     WHERE account.scope = 'platform' AND account.period = 'day'
       AND NOT EXISTS (SELECT FROM ai_budgets WHERE scope = 'platform' AND period = 'day')
)
SELECT old.amount, soft.id, soft.scope, soft.organisation_id, soft.counted, soft.soft
  FROM old
  LEFT JOIN soft
    ON soft.counted > soft.soft
   AND NOT EXISTS (SELECT FROM ai_budget_alerts AS alert
                    WHERE alert.account_id = soft.id AND alert.soft_limit_usd = soft.soft)
""".replace("<fits>", _FITS)
_CLOSE_ONE = _CLOSE.replace("<due>", "").replace("<skip>", "")
_CLOSE_DUE = _CLOSE.replace("<due>", "AND expires_at <= statement_timestamp()").replace(
    "<skip>", "SKIP LOCKED"
)

_ROOM = """
SELECT account.id, coalesce(row.spent_usd + row.unconfirmed_usd + row.reserved_usd, 0),
       least(min(budget.hard_limit_usd), row.limit_usd)
  FROM unnest(%(ids)s::text[], %(scopes)s::text[], %(periods)s::text[], %(organisations)s::uuid[],
              %(workflows)s::uuid[], %(users)s::uuid[])
       AS account (id, scope, period, organisation_id, workflow_id, user_id)
  LEFT JOIN ai_budget_accounts AS row ON row.id = account.id
  LEFT JOIN ai_budgets AS budget ON budget.hard_limit_usd IS NOT NULL AND <fits>
 GROUP BY account.id, row.spent_usd, row.unconfirmed_usd, row.reserved_usd, row.limit_usd
HAVING least(min(budget.hard_limit_usd), row.limit_usd) IS NOT NULL
""".replace("<fits>", _FITS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """An account and the smallest hard limit that holds for it.

    Attributes:
        counted: spent and unconfirmed, in US dollars; reserved: set aside for calls under way.
        own: the limit that the run's definition sets, which nobody raises.
    """

    id: str
    scope: BudgetScope
    period: BudgetPeriod
    counted: Decimal
    reserved: Decimal
    hard: Decimal | None
    own: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """A soft limit that an account has passed, and nobody was told of."""

    account: str
    scope: BudgetScope
    organisation_id: UUID | None
    counted: Decimal
    soft: Decimal


def open_accounts(accounts: Sequence[Account], *, run_limit: Decimal | None = None) -> None:
    """Makes the rows of those that have none yet.

    Args:
        run_limit: that the run's definition sets.
    """
    days = [account.day for account in accounts]
    limits = [run_limit if account.scope == BudgetScope.RUN else None for account in accounts]
    execute(_OPEN, days=days, limits=limits, **_arrays(accounts))


def reserve(
    pk: UUID,
    *,
    accounts: Sequence[str],
    amount: Decimal | None,
    lease: timedelta,
    **columns: Any,
) -> tuple[bool, bool, list[Balance]]:
    """Sets the amount aside in all of these accounts, or in none.

    Returns:
        Whether all of them have rows, whether all had room, and how they stood before.
    """
    told: dict[str, Any] = {
        "id": pk,
        "accounts": list(accounts),
        "amount": amount,
        "lease": lease,
        **columns,
    }
    rows = execute(_RESERVE, **told)
    complete, room = rows[0][:2]
    balances = [
        Balance(
            id=id_,
            scope=BudgetScope(scope),
            period=BudgetPeriod(period),
            counted=counted,
            reserved=reserved,
            hard=hard,
            own=own,
        )
        for _, _, id_, scope, period, counted, reserved, hard, own in rows
        if id_ is not None
    ]
    return complete, bool(room), balances


def close(
    pk: UUID,
    *,
    to: str,
    allowed: Sequence[str],
    cost: Decimal | None = None,
    unpriced: int = 0,
    default_soft: Decimal,
    expired_only: bool = False,
) -> tuple[Decimal, list[Passed]] | None:
    """Moves what was reserved to where it belongs, once.

    Args:
        allowed: the states that it may be in.
        expired_only: leave it alone while its lease holds or somebody else is at it.

    Returns:
        The amount that was reserved and the soft limits that were passed; None where it was closed
        before.
    """
    told: dict[str, Any] = {
        "id": pk,
        "to": str(to),
        "from": [str(state) for state in allowed],
        "cost": cost,
        "unpriced": unpriced,
        "default": default_soft,
    }
    rows = execute(_CLOSE_DUE if expired_only else _CLOSE_ONE, **told)
    if not rows:
        return None
    passed = [
        Passed(
            account=id_,
            scope=BudgetScope(scope),
            organisation_id=organisation_id,
            counted=counted,
            soft=soft,
        )
        for _, id_, scope, organisation_id, counted, soft in rows
        if id_ is not None
    ]
    return rows[0][0], passed


def room(accounts: Sequence[Account]) -> dict[str, Decimal]:
    """Account id -> what may still be reserved, for those of them that a hard limit holds for."""
    rows = execute(_ROOM, **_arrays(accounts))
    return {id_: hard - counted for id_, counted, hard in rows}


def _arrays(accounts: Sequence[Account]) -> dict[str, list[Any]]:
    return {
        "ids": [account.id for account in accounts],
        "scopes": [str(account.scope) for account in accounts],
        "periods": [str(account.period) for account in accounts],
        "organisations": [account.organisation_id for account in accounts],
        "workflows": [account.workflow_id for account in accounts],
        "users": [account.user_id for account in accounts],
        "executions": [account.execution_id for account in accounts],
    }
