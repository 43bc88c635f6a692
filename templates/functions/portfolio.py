"""Statistics of holdings and portfolios from monthly prices, as functions for workflows.

Returns are simple monthly returns, since a portfolio's is then the weighted sum of its holdings'.
A year has 12 periods: volatility grows with the square root of time, returns compound. Standard
deviations and covariances are the sample's (n - 1).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate, pairwise
from statistics import covariance, fmean, quantiles, stdev, variance

from core.errors import Problem
from engine.functions import workflow_function
from templates.errors import UnusablePrices

MONTHS = 12  # periods of a year
LEAST_MONTHS = 12  # returns below which a yearly figure would say nothing
_DATE_FORMATS = ("%Y-%m-%d", "%b %d %Y", "%Y-%m")


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """One line of a price list; `date` is any day of the month."""

    symbol: str
    date: str
    price: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Prices of one company in consecutive months (`2004-08`)."""

    months: list[str]
    prices: list[float]


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceHistory:
    """The price list as one series a symbol, and the time that it spans."""

    series: dict[str, Series]
    first_month: str
    last_month: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldingStatistics:
    """What one company's prices tell. Fractions, not percent; `sharpe` is None without any risk."""

    symbol: str
    first_month: str
    last_month: str
    annual_return: float
    annual_volatility: float
    max_drawdown: float
    sharpe: float | None
    returns: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """A company's share of the portfolio."""

    symbol: str
    weight: float


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldingRisk:
    """A holding in its portfolio. `risk_share`: its part of the variance; all parts give 1."""

    symbol: str
    weight: float
    annual_return: float
    annual_volatility: float
    max_drawdown: float
    risk_share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PortfolioSummary:
    """The portfolio over the months that all its holdings share, rebalanced every month.

    Attributes:
        value_at_risk_95: the loss that 95 of 100 months did not exceed, as a positive fraction.
        diversification: the part of the holdings' weighted volatility that their mix avoids.
        largest_risk: symbol of the holding with the largest part of the risk.
    """

    first_month: str
    last_month: str
    months: int
    annual_return: float
    annual_volatility: float
    max_drawdown: float
    sharpe: float | None
    value_at_risk_95: float
    diversification: float
    largest_risk: str
    holdings: list[HoldingRisk]


@workflow_function("portfolio.monthly_series")
def monthly_series(rows: list[Price]) -> PriceHistory:
    """Sorts a price list into one series of consecutive months for each symbol.

    Raises:
        UnusablePrices: an unreadable date, a month twice, a month missing, or a price not positive.
    """
    prices: dict[str, dict[date, float]] = defaultdict(dict)
    problems: list[Problem] = []
    for n, row in enumerate(rows):
        month = _month(row.date)
        if month is None:
            problems.append(Problem(f"rows[{n}].date", f"'{row.date[:40]}' is not a date"))
        elif month in prices[row.symbol]:
            problems.append(
                Problem(f"rows[{n}]", f"{row.symbol} has a second price for {month:%Y-%m}")
            )
        elif not row.price > 0:
            problems.append(Problem(f"rows[{n}].price", f"{row.price} is not a positive price"))
        else:
            prices[row.symbol][month] = row.price
    for symbol, by_month in prices.items():
        for before, after in pairwise(sorted(by_month)):
            if _number(after) - _number(before) != 1:
                problems.append(
                    Problem(
                        "rows", f"{symbol} has no price between {before:%Y-%m} and {after:%Y-%m}"
                    )
                )
    if not rows:
        problems.append(Problem("rows", "there are no prices"))
    if problems:
        raise UnusablePrices(problems=problems[:20])
    every = [month for by_month in prices.values() for month in by_month]
    return PriceHistory(
        series={
            symbol: Series(
                months=[f"{month:%Y-%m}" for month in sorted(by_month)],
                prices=[by_month[month] for month in sorted(by_month)],
            )
            for symbol, by_month in prices.items()
        },
        first_month=f"{min(every):%Y-%m}",
        last_month=f"{max(every):%Y-%m}",
    )


# Not inline: side by side on several workers, however long the histories are.
@workflow_function("portfolio.holding_statistics", inline=False)
def holding_statistics(
    symbol: str, series: Series, risk_free_rate: float = 0.0
) -> HoldingStatistics:
    """Return, volatility, drawdown and Sharpe ratio of one holding.

    Raises:
        UnusablePrices: fewer than 12 monthly returns.
    """
    returns = [after / before - 1 for before, after in pairwise(series.prices)]
    _require_months(len(returns), symbol)
    return HoldingStatistics(
        symbol=symbol,
        first_month=series.months[0],
        last_month=series.months[-1],
        annual_return=annual_return(returns),
        annual_volatility=annual_volatility(returns),
        max_drawdown=max_drawdown(returns),
        sharpe=sharpe_ratio(returns, risk_free_rate),
        returns=dict(zip(series.months[1:], returns, strict=True)),
    )


@workflow_function("portfolio.summary")
def portfolio_summary(
    holdings: list[Holding], statistics: list[HoldingStatistics], risk_free_rate: float = 0.0
) -> PortfolioSummary:
    """Risk and return of the whole, and each holding's part in the risk.

    Raises:
        UnusablePrices: the holdings share fewer than 12 months.
    """
    by_symbol = {item.symbol: item for item in statistics}
    if missing := [h.symbol for h in holdings if h.symbol not in by_symbol]:
        raise UnusablePrices(f"There are no statistics of {', '.join(missing)}.")
    months = sorted(set.intersection(*(set(by_symbol[h.symbol].returns) for h in holdings)))
    _require_months(len(months), "the holdings' common history")
    columns = [[by_symbol[h.symbol].returns[month] for month in months] for h in holdings]
    weights = [h.weight for h in holdings]
    whole = [_weighted(weights, row) for row in zip(*columns, strict=True)]
    total = variance(whole)
    volatility = annual_volatility(whole)
    apart = _weighted(weights, [annual_volatility(column) for column in columns])
    parts = [
        HoldingRisk(
            symbol=h.symbol,
            weight=h.weight,
            annual_return=by_symbol[h.symbol].annual_return,
            annual_volatility=by_symbol[h.symbol].annual_volatility,
            max_drawdown=by_symbol[h.symbol].max_drawdown,
            risk_share=h.weight * covariance(column, whole) / total if total else 0.0,
        )
        for h, column in zip(holdings, columns, strict=True)
    ]
    return PortfolioSummary(
        first_month=months[0],
        last_month=months[-1],
        months=len(months),
        annual_return=annual_return(whole),
        annual_volatility=volatility,
        max_drawdown=max_drawdown(whole),
        sharpe=sharpe_ratio(whole, risk_free_rate),
        value_at_risk_95=-quantiles(whole, n=20, method="inclusive")[0],
        diversification=1 - volatility / apart if apart else 0.0,
        largest_risk=max(parts, key=lambda part: part.risk_share).symbol,
        holdings=parts,
    )


def annual_return(returns: Sequence[float]) -> float:
    """The constant yearly return that compounds to the same end (geometric mean)."""
    return math.prod(1 + r for r in returns) ** (MONTHS / len(returns)) - 1


def annual_volatility(returns: Sequence[float]) -> float:
    """The sample standard deviation of the monthly returns, times the square root of 12."""
    return stdev(returns) * math.sqrt(MONTHS)


def sharpe_ratio(returns: Sequence[float], risk_free_rate: float) -> float | None:
    """Mean yearly return above the risk-free rate for each unit of volatility (Sharpe 1994)."""
    volatility = annual_volatility(returns)
    return (fmean(returns) * MONTHS - risk_free_rate) / volatility if volatility else None


def max_drawdown(returns: Iterable[float]) -> float:
    """The deepest fall below an earlier peak, as a fraction from -1 to 0."""
    values = list(
        accumulate((1 + r for r in returns), lambda value, factor: value * factor, initial=1.0)
    )
    return min(
        value / peak - 1 for value, peak in zip(values, accumulate(values, max), strict=True)
    )


def _weighted(weights: Sequence[float], values: Sequence[float]) -> float:
    return math.fsum(w * v for w, v in zip(weights, values, strict=True))


def _month(text: str) -> date | None:
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(text.strip(), form).date().replace(day=1)
        except ValueError:
            continue
    return None


def _number(month: date) -> int:
    return month.year * MONTHS + month.month


def _require_months(count: int, what: str) -> None:
    if count < LEAST_MONTHS:
        raise UnusablePrices(
            f"{what}: {count} monthly returns are too few; at least {LEAST_MONTHS} are needed."
        )
