"""Python callables that FUNCTION steps may call, and the decorator that registers them.

A project adds its own in a module `workflow_functions` of any installed app:

    @workflow_function("pricing.discount")
    def discount(amount: float, percent: float = 5) -> dict[str, float]:
        return {"amount": amount * (1 - percent / 100)}

A parameter with the type hint `RunOwner` is no argument: the platform fills in for whom it asks.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from django.db import connection
from psycopg.pq import TransactionStatus
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError, validate_call
from pydantic_core import to_jsonable_python

from core.errors import Problem
from engine import validation
from engine.context import JsonObject, RunOwner
from engine.step import StepRefused

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_functions: dict[str, WorkflowFunction] = {}


class InvalidArguments(StepRefused):
    """The function does not take these arguments."""

    code = "invalid_arguments"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkflowFunction:
    """A registered callable.

    Attributes:
        inline: so cheap that neighbours may share its message.
        queue: the Celery queue that its steps run on.
        schema: JSON Schema of its arguments.
        pure: what it returns follows from its arguments, and it does nothing else.
        read_only: it changes nothing anywhere, so that a language model may call it.
        owner: its parameter that takes the RunOwner; "" where it has none.
        returns: JSON Schema of what it gives; {} where its hints do not say.
    """

    name: str
    description: str
    call: Callable[..., Any]
    inline: bool
    queue: str
    schema: JsonObject
    returns: JsonObject
    pure: bool = False
    read_only: bool = False
    owner: str = ""


def workflow_function(
    name: str,
    *,
    inline: bool = True,
    queue: str = "default",
    pure: bool = False,
    read_only: bool = False,
) -> Callable[[F], F]:
    """Registers a callable for FUNCTION steps under `name`; its type hints check the arguments.

    Args:
        inline: cheap (milliseconds): may share a message with its neighbours. False for whatever
            waits or computes long.
        queue: the Celery queue that its steps run on.
        pure: what it returns follows from its arguments, it does nothing else, and no other step
            relies on its failing: suggestions may move its steps or leave them out.
        read_only: it changes nothing anywhere; AI steps may name it among their `tools`. What is
            pure is so too. A tool that reads what belongs to somebody takes a `RunOwner` and gives
            what that user may see.
    """

    def decorate(function: F) -> F:
        if name in _functions and _functions[name].call.__module__ != function.__module__:
            raise ValueError(f"the workflow function {name!r} is registered twice")
        adapter: TypeAdapter[Any] = TypeAdapter(function)  # type: ignore[arg-type]  # a callable is one
        checked = validate_call(config=ConfigDict(strict=False))(function)
        owner = _owner(function)
        _functions[name] = WorkflowFunction(
            name=name,
            description=(inspect.getdoc(function) or "").partition("\n")[0],
            call=checked,
            inline=inline,
            queue=queue,
            schema=_arguments(adapter.json_schema(), owner),
            pure=pure,
            read_only=read_only or pure,
            owner=owner,
            returns=_returned(function),
        )
        return function

    return decorate


def _owner(function: Callable[..., Any]) -> str:
    """The name of the parameter that takes the RunOwner; "" where there is none."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):
        return ""
    return next((name for name, hint in hints.items() if hint is RunOwner and name != "return"), "")


def _arguments(schema: JsonObject, owner: str) -> JsonObject:
    """The schema without the parameter that the platform fills in."""
    if not owner:
        return schema
    properties = {key: part for key, part in schema["properties"].items() if key != owner}
    required = [key for key in schema.get("required", ()) if key != owner]
    shared = {k: part for k, part in schema.get("$defs", {}).items() if k != RunOwner.__name__}
    return {**schema, "properties": properties, "required": required, "$defs": shared}


def _returned(function: Callable[..., Any]) -> JsonObject:
    """JSON Schema of a callable's result, as far as its type hints tell."""
    try:
        hint = get_type_hints(function).get("return", Any)
        return TypeAdapter(hint).json_schema(mode="serialization")
    except (PydanticUserError, NameError, TypeError):
        return {}


def argument_problems(name: str, arguments: JsonObject) -> list[Problem]:
    """What is wrong with the arguments of a call that is not made."""
    function = _functions[name]
    return validation.check_value(arguments, schema=function.schema, path="arguments")


def functions() -> Mapping[str, WorkflowFunction]:
    """Every registered function by name."""
    return MappingProxyType(_functions)


def call(name: str, arguments: JsonObject, *, owner: RunOwner | None = None) -> JsonObject:
    """Calls a registered function; a result that is no dict comes back as `{"result": value}`.

    Args:
        owner: for functions that ask for whom they are called, whatever the arguments say.

    Raises:
        InvalidArguments: naming each argument that does not fit.
    """
    function = _functions[name]
    given = {**arguments, function.owner: owner or RunOwner()} if function.owner else arguments
    try:
        result = function.call(**given)
    except ValidationError as error:
        problems = [
            Problem(".".join(("arguments", *map(str, e["loc"]))), e["msg"])
            for e in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidArguments(problems=problems) from None
    finally:
        if not function.pure:
            _leave_no_transaction(name)
    value = to_jsonable_python(result)
    return value if isinstance(value, dict) else {"result": value}


def _leave_no_transaction(name: str) -> None:
    """Closes the database's connection where a function has left a transaction open on it, as by
    `set_autocommit(False)`: what the platform writes next would be part of it, and be lost with it.
    """
    if connection.connection is None or connection.in_atomic_block:
        return
    status = connection.connection.pgconn.transaction_status
    if connection.autocommit and status in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
        return
    logger.warning("function %r left a transaction open: it is rolled back", name)
    connection.close()
