"""The figures were computed from the same file by pandas 2 and numpy 2, by matrix algebra."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from core.errors import PlatformError
from engine import functions
from templates.functions import portfolio
from templates.functions.portfolio import Holding, HoldingStatistics, Price
from templates.starters import CATALOGUE

RATE = 0.03
WEIGHTS = {"MSFT": 0.25, "AMZN": 0.15, "IBM": 0.30, "GOOG": 0.15, "AAPL": 0.15}
# symbol -> returns, return a year, volatility a year, deepest fall, Sharpe ratio
HOLDINGS = {
    "AAPL": (122, 0.2356788792129345, 0.5060502493133954, -0.7917525773195877, 0.6385616712720079),
    "AMZN": (122, 0.07031137646238483, 0.5945249807034515, -0.913314941193553, 0.3545465376611656),
    "GOOG": (67, 0.3558393545606806, 0.41455842251865377, -0.5856294200848657, 0.861338472265836),
    "IBM": (122, 0.022111139979590355, 0.2954234224913768, -0.5531107738998483, 0.115467514432633),
    "MSFT": (
        122,
        -0.031341882406205,
        0.34394227813383554,
        -0.6341971309578898,
        -0.0102074552113815,
    ),
}
RISK_SHARES = {
    "AAPL": 0.2141463257171053,
    "AMZN": 0.22338292007634164,
    "GOOG": 0.18454685572715718,
    "IBM": 0.18997213677500413,
    "MSFT": 0.18795176170439185,
}


def read(path: Path = CATALOGUE / "data" / "stocks.csv") -> list[Price]:
    with path.open(newline="") as file:
        return [
            Price(symbol=row["symbol"], date=row["date"], price=float(row["price"]))
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def statistics() -> dict[str, HoldingStatistics]:
    history = portfolio.monthly_series(read())
    assert (history.first_month, history.last_month) == ("2000-01", "2010-03")
    return {
        symbol: portfolio.holding_statistics(symbol, series, RATE)
        for symbol, series in history.series.items()
    }


@pytest.mark.parametrize("symbol", HOLDINGS)
def test_holdings_figures_are_those_of_another_implementation(
    statistics: dict[str, HoldingStatistics], symbol: str
) -> None:
    count, annual_return, volatility, drawdown, sharpe = HOLDINGS[symbol]
    found = statistics[symbol]
    assert len(found.returns) == count
    assert found.sharpe is not None
    assert found.annual_return == pytest.approx(annual_return, rel=1e-12)
    assert found.annual_volatility == pytest.approx(volatility, rel=1e-12)
    assert found.max_drawdown == pytest.approx(drawdown, rel=1e-12)
    assert found.sharpe == pytest.approx(sharpe, rel=1e-9)


def test_portfolios_figures_are_those_of_another_implementation(
    statistics: dict[str, HoldingStatistics],
) -> None:
    holdings = [Holding(symbol=symbol, weight=weight) for symbol, weight in WEIGHTS.items()]
    found = portfolio.portfolio_summary(holdings, list(statistics.values()), RATE)
    assert (found.first_month, found.last_month, found.months) == ("2004-09", "2010-03", 67)
    assert found.annual_return == pytest.approx(0.23968140974621255, rel=1e-12)
    assert found.annual_volatility == pytest.approx(0.2292584764687724, rel=1e-12)
    assert found.max_drawdown == pytest.approx(-0.4267188396415704, rel=1e-12)
    assert found.value_at_risk_95 == pytest.approx(0.09644874186838627, rel=1e-12)
    assert found.sharpe == pytest.approx(0.9288041543515965, rel=1e-12)
    assert found.diversification == pytest.approx(0.2942614053685596, rel=1e-12)
    assert found.largest_risk == "AMZN"
    shares = {holding.symbol: holding.risk_share for holding in found.holdings}
    assert shares == pytest.approx(RISK_SHARES, rel=1e-10)
    assert math.fsum(shares.values()) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("returns", "annual_return", "volatility", "drawdown"),
    [
        # 1.01 ** 12 - 1; no spread; never below a peak
        ([0.01] * 12, 1.01**12 - 1, 0.0, 0.0),
        # (1.1 * 0.9) ** 6 - 1; stdev of +-0.1 is 0.1 * sqrt(12 / 11); 0.9 then 0.99 * 0.9 ...
        (
            [0.1, -0.1] * 6,
            0.99**6 - 1,
            0.1 * math.sqrt(12 / 11) * math.sqrt(12),
            0.9 * 0.99**5 - 1,
        ),
        # doubles, halves, doubles: the fall is from 2 to 1
        ([1.0, -0.5, 1.0] + [0.0] * 9, 1.0, None, -0.5),
        # a fall at once counts from the start
        ([-0.25] + [0.0] * 11, -0.25, None, -0.25),
    ],
)
def test_formulas_by_hand(
    returns: list[float], annual_return: float, volatility: float | None, drawdown: float
) -> None:
    assert portfolio.annual_return(returns) == pytest.approx(annual_return)
    assert portfolio.max_drawdown(returns) == pytest.approx(drawdown)
    if volatility is not None:
        assert portfolio.annual_volatility(returns) == pytest.approx(volatility, abs=1e-15)


def test_no_risk_has_no_sharpe_ratio() -> None:
    assert portfolio.sharpe_ratio([0.0] * 12, 0.0) is None


def prices(*dates: str, price: float = 1.0) -> list[Price]:
    return [Price(symbol="A", date=date, price=price) for date in dates]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there are no prices"),
        (prices("2020-13"), "'2020-13' is not a date"),
        (prices("2020-01-01", "Jan 31 2020"), "A has a second price for 2020-01"),
        (prices("2020-01", "2020-03"), "A has no price between 2020-01 and 2020-03"),
        (prices("2020-01", price=0.0), "0.0 is not a positive price"),
        (prices("2020-01", price=float("nan")), "nan is not a positive price"),
    ],
)
def test_price_lists_that_make_no_history_are_refused(rows: list[Price], message: str) -> None:
    with pytest.raises(PlatformError) as caught:
        portfolio.monthly_series(rows)
    assert caught.value.code == "unusable_prices"
    assert message in [problem.message for problem in caught.value.problems]


def test_months_follow_each_other_over_the_turn_of_the_year() -> None:
    history = portfolio.monthly_series(prices("Jan 5 2021", "2020-12-31", "2020-11"))
    assert history.series["A"].months == ["2020-11", "2020-12", "2021-01"]


def test_short_histories_are_refused() -> None:
    series = portfolio.Series(months=["2020-01", "2020-02"], prices=[1.0, 2.0])
    with pytest.raises(PlatformError, match="A: 1 monthly returns are too few"):
        portfolio.holding_statistics("A", series)


def test_steps_call_the_functions_with_json() -> None:
    rows = [{"symbol": row.symbol, "date": row.date, "price": row.price} for row in read()]
    history = functions.call("portfolio.monthly_series", {"rows": rows})
    found = functions.call(
        "portfolio.holding_statistics",
        {"symbol": "IBM", "series": history["series"]["IBM"], "risk_free_rate": 0},
    )
    assert found["annual_volatility"] == pytest.approx(HOLDINGS["IBM"][2])
    assert found["returns"]["2000-02"] == pytest.approx(92.11 / 100.52 - 1, rel=1e-6)


def test_steps_arguments_are_checked() -> None:
    with pytest.raises(PlatformError) as caught:
        functions.call("portfolio.monthly_series", {"rows": [{"symbol": "A", "date": "2020-01"}]})
    assert caught.value.code == "invalid_arguments"
    assert caught.value.problems[0].path == "arguments.rows.0.price"
