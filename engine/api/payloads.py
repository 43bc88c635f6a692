"""Payloads of steps in a list: the small ones, since a single one may have 16 MB."""

from __future__ import annotations

from django.db.models import Case, F, Func, IntegerField, QuerySet, When

from core.fields import EncryptedJSONField, encrypted_field
from engine import received
from engine.models import StepExecution, WorkflowExecution

LISTED_BYTES = 64 * 1024
_INPUT = encrypted_field(StepExecution, "input_data")
_COLUMNS = {
    "input_data": "input_data",
    "output_data": "output_data",
    "error_message": "error_message",
    "waiting_data": "waiting",
}


def only_small(steps: QuerySet[StepExecution]) -> QuerySet[StepExecution]:
    """The steps with only those payloads that a list may show; `fill_in` puts them in place."""
    sizes = {f"{column}_bytes": _bytes(column) for column in _COLUMNS}
    small = {
        f"{column}_small": Case(
            When(**{f"{column}_bytes__lte": LISTED_BYTES}, then=F(column)),
            output_field=EncryptedJSONField() if column != "error_message" else None,
        )
        for column in _COLUMNS
    }
    return steps.defer(*_COLUMNS).annotate(**sizes).annotate(**small)


def fill_in(run: WorkflowExecution, steps: list[StepExecution]) -> list[StepExecution]:
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
    _derive(run, [step for step in steps if not vars(step)["input_data_bytes"]])
    return steps


def _derive(run: WorkflowExecution, steps: list[StepExecution]) -> None:
    """Gives steps the input that no row stores, where it follows from little and is small."""
    lacking = received.reads(run, steps)
    named = frozenset[str]().union(*lacking.values())
    outputs = StepExecution.objects.filter(execution=run, scope="", step_id__in=named)
    sizes = dict(outputs.values_list("step_id", _bytes("output_data"))) if named else {}
    fitting = [
        step
        for step, reads in lacking.items()
        if sum(sizes.get(name) or 0 for name in reads) <= LISTED_BYTES
    ]
    received.fill_in(run, fitting)
    for step in lacking:
        if step not in fitting or len(_INPUT.encode(step.input_data)) > LISTED_BYTES:
            step.input_data = None
            vars(step)["omitted"].insert(0, "input_data")


def _bytes(column: str) -> Func:
    return Func(F(column), function="pg_column_size", output_field=IntegerField())
