from __future__ import annotations

from typing import Any

import pytest

from engine import functions
from templates.functions.portfolio import HoldingRisk, PortfolioSummary


@pytest.mark.parametrize(
    ("lines", "tax_rate", "totals"),
    [
        ([(8, 620.5), (8, 79.5), (1, 600)], 0.19, (6200.0, 1178.0, 7378.0)),
        # 3 x 0.335 = 1.005 -> 1.01 half up; 0.2 of it = 0.202 -> 0.20
        ([(3, 0.335)], 0.2, (1.01, 0.2, 1.21)),
        # In binary fractions 0.1 + 0.2 is not 0.3.
        ([(1, 0.1), (1, 0.2)], 0, (0.3, 0.0, 0.3)),
        ([(1, 100), (1, -30)], 0.07, (70.0, 4.9, 74.9)),
    ],
)
def test_invoice_totals(
    lines: list[tuple[float, float]], tax_rate: float, totals: tuple[float, float, float]
) -> None:
    rows = [{"description": "x", "quantity": n, "unit_price": price} for n, price in lines]
    found = functions.call("invoice.totals", {"lines": rows, "tax_rate": tax_rate})
    assert (found["net"], found["tax"], found["gross"]) == totals


def feedback(rating: int, text: str) -> dict[str, Any]:
    return {"id": f"{rating}-{text}", "customer": "C", "rating": rating, "text": text}


@pytest.mark.parametrize(
    ("rating", "text", "topics", "urgent"),
    [
        (1, "Delivered broken, I call my LAWYER", ["delivery", "quality"], True),
        (2, "late delivery", ["delivery"], False),
        (5, "My lawyer loves it", ["other"], False),  # happy customers are not urgent
        (1, "undelivered", ["other"], False),  # words begin there
        (3, "", ["other"], False),
    ],
)
def test_feedback_is_sorted(rating: int, text: str, topics: list[str], urgent: bool) -> None:
    arguments = {
        "items": [feedback(rating, text)],
        "topics": {"delivery": ["deliver"], "quality": ["broken"]},
        "urgent_words": ["lawyer"],
    }
    (item,) = functions.call("feedback.sort", arguments)["items"]
    assert (item["topics"], item["urgent"], item["negative"]) == (topics, urgent, rating <= 2)


def test_feedback_figures() -> None:
    items = [feedback(5, "a.b"), feedback(1, "axb"), feedback(3, "c")]
    found = functions.call(
        "feedback.sort", {"items": items, "topics": {"dot": ["a.b"]}, "urgent_words": []}
    )
    assert [item["rating"] for item in found["items"]] == [1, 3, 5]
    assert found["count"] == 3
    assert found["average_rating"] == 3.0
    assert found["negative_share"] == pytest.approx(1 / 3)
    assert found["topics"] == {"other": 2, "dot": 1}  # a word is no pattern


@pytest.fixture
def summary() -> PortfolioSummary:
    holding = HoldingRisk(
        symbol="A",
        weight=1.0,
        annual_return=0.1,
        annual_volatility=0.2,
        max_drawdown=-0.3,
        risk_share=1.0,
    )
    return PortfolioSummary(
        first_month="2020-01",
        last_month="2021-12",
        months=24,
        annual_return=0.1,
        annual_volatility=0.2,
        max_drawdown=-0.3,
        sharpe=None,
        value_at_risk_95=0.05,
        diversification=0.0,
        largest_risk="A",
        holdings=[holding],
    )


def test_portfolio_facts_are_sentences(summary: PortfolioSummary) -> None:
    found = functions.call(
        "portfolio.facts",
        {"name": "Mine", "risk_class": "low", "summary": summary, "measures": ["Wait."]},
    )
    lines = found["text"].splitlines()
    assert lines[0] == "Mine is in the risk class low."
    assert "with a volatility of 20.0 %" in lines[1]
    assert lines[-1] == "Wait."


def test_portfolio_report_shows_everything_that_it_is_given(summary: PortfolioSummary) -> None:
    found = functions.call(
        "portfolio.report",
        {
            "name": "Mine",
            "risk_class": "low",
            "summary": summary,
            "measures": ["Wait."],
            "commentary": "All is well.\n",
            "notice": "by hand",
            "comment": "Fine.",
        },
    )
    assert found["title"] == "Risk review: Mine"
    lines = found["text"].splitlines()
    assert "A          100.0 %       10.0 %       20.0 %      -30.0 %    100.0 %" in lines
    assert "- Wait." in lines
    assert "Sharpe ratio -; monthly value at risk (95 %) 5.0 %; diversification 0.0 %." in lines
    assert lines[-4:] == [
        "Commentary (by hand)",
        "All is well.",
        "",
        "Approved with the comment: Fine.",
    ]
