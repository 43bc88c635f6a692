"""Sums of an invoice, as a function for workflows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from engine.functions import workflow_function

_CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceLine:
    """One position; `unit_price` is net."""

    description: str
    quantity: Decimal
    unit_price: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceTotals:
    """Sums in the invoice's currency, to the cent."""

    net: float
    tax: float
    gross: float


@workflow_function("invoice.totals", pure=True)
def invoice_totals(lines: list[InvoiceLine], tax_rate: Decimal) -> InvoiceTotals:
    """Adds the lines up and the tax on top; each line and the tax are rounded half up to the cent.

    Args:
        tax_rate: a fraction, such as 0.19.
    """
    net = sum((_cents(line.quantity * line.unit_price) for line in lines), Decimal(0))
    tax = _cents(net * tax_rate)
    return InvoiceTotals(net=float(net), tax=float(tax), gross=float(net + tax))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP)
