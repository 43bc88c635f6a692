"""Why a budget lets a call not be made. None of them is a failure of the call: nothing was sent."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Self

from ai.budgets.statements import Balance
from core.errors import Conflict, PlatformError, Problem


class AIPriceUnknown(PlatformError):
    """A hard limit holds for this call, and the model's price is not known."""

    code = "ai_price_unknown"
    status = 409


class AIBudgetExhausted(PlatformError):
    """An AI budget leaves no room for this call.

    Attributes:
        amount: the most that the call may cost, in US dollars.
        balance: the account without room, as it stood.
    """

    code = "ai_budget_exhausted"
    status = 429
    permanent = False
    retry_after = 60

    def __init__(
        self,
        message: str | None = None,
        *,
        problems: Sequence[Problem] = (),
        amount: Decimal = Decimal(0),
        balance: Balance | None = None,
    ) -> None:
        super().__init__(message, problems=problems)
        self.amount = amount
        self.balance = balance


class AIRunBudgetSpent(PlatformError):
    """The run has no money left for this call, by the budget of its own definition."""

    code = "ai_run_budget_spent"
    status = 409

    @classmethod
    def of(cls, limit: Decimal) -> Self:
        """With the limit, which the definition shows to whoever sees the run. What the run has
        spent is kept from them, as all figures of budgets are.
        """
        return cls(
            "The run has no money left for this call: its definition allows"
            f" {limit.normalize():f} US dollars for all of its AI calls. What it has spent, the"
            " organisation's admins see in the use of its AI budgets."
        )


class BudgetExists(Conflict):
    """There is a budget for this already: change that."""

    code = "ai_budget_exists"


class OperatorsBudget(Conflict):
    """This budget was set by the platform's operators."""

    code = "operators_budget"
