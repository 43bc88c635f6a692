"""The starter templates' functions; the engine imports this module of every app."""

from templates.functions import feedback, invoice, portfolio, portfolio_report

__all__ = ["feedback", "invoice", "portfolio", "portfolio_report"]
