"""What the templates refuse, and why."""

from __future__ import annotations

from core.errors import Conflict, InvalidInput
from engine.step import StepRefused

__all__ = ["CategoryInUse", "InvalidTemplate", "UnknownCategory", "UnusablePrices"]


class InvalidTemplate(InvalidInput):
    """The template is not valid."""

    code = "invalid_template"


class CategoryInUse(Conflict):
    """The category is not empty."""

    code = "category_in_use"


class UnknownCategory(InvalidInput):
    """There is no such category."""

    code = "unknown_category"


class UnusablePrices(StepRefused):
    """The prices do not make a monthly history."""

    code = "unusable_prices"
