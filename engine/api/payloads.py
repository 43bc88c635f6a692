"""Payloads of steps in a list: the small ones, since a single one may have 16 MB."""

from __future__ import annotations

from django.db.models import Case, F, Func, IntegerField, QuerySet, When

from core.fields import EncryptedJSONField
from engine.models import StepExecution

LISTED_BYTES = 64 * 1024
_COLUMNS = {
    "input_data": "input_data",
    "output_data": "output_data",
    "error_message": "error_message",
    "waiting_data": "waiting",
}


def only_small(steps: QuerySet[StepExecution]) -> QuerySet[StepExecution]:
    """The steps with only those payloads that a list may show; `fill_in` puts them in place."""
    sizes = {
        f"{column}_bytes": Func(F(column), function="pg_column_size", output_field=IntegerField())
        for column in _COLUMNS
    }
    small = {
        f"{column}_small": Case(
            When(**{f"{column}_bytes__lte": LISTED_BYTES}, then=F(column)),
            output_field=EncryptedJSONField() if column != "error_message" else None,
        )
        for column in _COLUMNS
    }
    return steps.defer(*_COLUMNS).annotate(**sizes).annotate(**small)


def fill_in(steps: list[StepExecution]) -> list[StepExecution]:
    """Gives each step its small payloads, and `omitted`: the fields whose payload is not here."""
    for step in steps:
        data = vars(step)
        data["omitted"] = [
            shown
            for column, shown in _COLUMNS.items()
            if (data[f"{column}_bytes"] or 0) > LISTED_BYTES
        ]
        for column in _COLUMNS:
            data[column] = data[f"{column}_small"]
    return steps
