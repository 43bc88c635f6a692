"""CSV text -> rows of typed values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from typing import Any

from core.errors import Problem
from engine.context import JsonObject
from engine.step import StepRefused

MAX_ROWS = 200_000


class InvalidData(StepRefused):
    """The data does not have the expected form."""

    code = "invalid_data"


def read_rows(text: str, columns: dict[str, str], delimiter: str) -> list[JsonObject]:
    """The rows of a CSV with a header, of the columns asked for.

    Args:
        columns: name -> text, number, integer or boolean.

    Raises:
        InvalidData: with up to 20 problems, each with its line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    try:
        header = reader.fieldnames or []
        if missing := [name for name in columns if name not in header]:
            found = ", ".join(header)[:200]
            raise InvalidData(
                "The CSV has not all columns.",
                problems=[Problem(f"header.{n}", f"missing; found: {found}") for n in missing],
            )
        rows: list[JsonObject] = []
        problems: list[Problem] = []
        for line in reader:
            if len(rows) == MAX_ROWS:
                raise InvalidData(f"The CSV has more than {MAX_ROWS:,} rows.")
            row: JsonObject = {}
            for name, kind in columns.items():
                try:
                    row[name] = CELLS[kind]((line[name] or "").strip())
                except ValueError:
                    shown = (line[name] or "")[:50]
                    problems.append(
                        Problem(f"line {reader.line_num}.{name}", f"'{shown}' is no {kind}")
                    )
            if len(problems) >= 20:
                break
            rows.append(row)
    except csv.Error as error:
        raise InvalidData(f"The CSV cannot be read: line {reader.line_num}: {error}") from None
    if problems:
        raise InvalidData("The CSV holds values of another type.", problems=problems)
    return rows


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError(text) from None


_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
CELLS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "number": _number,
    "integer": int,
    "boolean": _boolean,
}
