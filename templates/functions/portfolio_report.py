"""A portfolio review in words: the facts that a commentary starts from, and the report."""

from __future__ import annotations

from engine.functions import workflow_function
from templates.functions.portfolio import PortfolioSummary

_ROW = "{:<10}{:>8}{:>13}{:>13}{:>13}{:>11}"


@workflow_function("portfolio.facts", pure=True)
def portfolio_facts(
    name: str, risk_class: str, summary: PortfolioSummary, measures: list[str]
) -> dict[str, str]:
    """States the figures of a review as sentences, one a line."""
    largest = max(summary.holdings, key=lambda holding: holding.risk_share)
    best = max(summary.holdings, key=lambda holding: holding.annual_return)
    sentences = [
        f"{name} is in the risk class {risk_class}.",
        f"Between {summary.first_month} and {summary.last_month} the portfolio returned"
        f" {_percent(summary.annual_return)} a year with a volatility of"
        f" {_percent(summary.annual_volatility)}.",
        f"Its deepest fall below an earlier peak was {_percent(-summary.max_drawdown)}.",
        "In 95 of 100 months the portfolio lost no more than"
        f" {_percent(summary.value_at_risk_95)}.",
        f"{largest.symbol} has {_percent(largest.weight)} of the money but carries"
        f" {_percent(largest.risk_share)} of the risk.",
        f"The mix avoids {_percent(summary.diversification)} of the volatility that the holdings"
        " have one by one.",
        f"{best.symbol} had the highest return, {_percent(best.annual_return)} a year over its own"
        " history.",
        *measures,
    ]
    return {"text": "\n".join(sentences)}


@workflow_function("portfolio.report", pure=True)
def portfolio_report(
    name: str,
    risk_class: str,
    summary: PortfolioSummary,
    measures: list[str],
    commentary: str,
    notice: str = "",
    comment: str = "",
) -> dict[str, str]:
    """Writes the review that the investor receives, as plain text."""
    sharpe = "-" if summary.sharpe is None else f"{summary.sharpe:.2f}"
    lines = [
        f"Risk review: {name}",
        f"Risk class: {risk_class}",
        "",
        _ROW.format("Holding", "weight", "return p.a.", "volat. p.a.", "max. fall", "of risk"),
        *(
            _ROW.format(
                holding.symbol,
                _percent(holding.weight),
                _percent(holding.annual_return),
                _percent(holding.annual_volatility),
                _percent(holding.max_drawdown),
                _percent(holding.risk_share),
            )
            for holding in summary.holdings
        ),
        _ROW.format(
            "Portfolio",
            _percent(1),
            _percent(summary.annual_return),
            _percent(summary.annual_volatility),
            _percent(summary.max_drawdown),
            _percent(1),
        ),
        "",
        f"The portfolio over {summary.months} months from {summary.first_month} to"
        f" {summary.last_month}, rebalanced monthly; each holding over its own history.",
        f"Sharpe ratio {sharpe}; monthly value at risk (95 %)"
        f" {_percent(summary.value_at_risk_95)}; diversification"
        f" {_percent(summary.diversification)}.",
        "",
        "Measures",
        *(f"- {measure}" for measure in measures),
        "",
        "Commentary" + (f" ({notice})" if notice else ""),
        commentary.strip(),
    ]
    if comment:
        lines += ["", f"Approved with the comment: {comment}"]
    return {"title": lines[0], "text": "\n".join(lines)}


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.1f} %"
