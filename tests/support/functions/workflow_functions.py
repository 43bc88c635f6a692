"""Functions for the steps of test workflows."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

from django.db import connection

from engine.context import RunOwner
from engine.functions import workflow_function
from engine.models import Workflow


@workflow_function("tests.echo")
def echo(value: Any = None) -> dict[str, Any]:
    """Gives back what it gets."""
    return {"value": value}


@workflow_function("tests.slow", inline=False)
def slow(seconds: float = 0.0, value: Any = None) -> dict[str, Any]:
    """Takes a while."""
    time.sleep(seconds)
    return {"value": value, "pid": os.getpid()}


@workflow_function("tests.compute", inline=False, pure=True)
def compute(value: Any = None) -> dict[str, Any]:
    """Gives back what it gets, and claims that this takes long."""
    return {"value": value}


@workflow_function("tests.fail")
def fail(message: str = "it failed") -> dict[str, Any]:
    """Fails."""
    raise RuntimeError(message)


@workflow_function("tests.leave")
def leave(how: str = "exit") -> None:
    """Raises what is no ordinary error: what ends a program, or a task of asyncio."""
    raise {
        "exit": SystemExit("enough"),
        "cancelled": asyncio.CancelledError(),
        "interrupted": KeyboardInterrupt(),
    }[how]


@workflow_function("tests.leave_open")
def leave_open(sql: str = "") -> dict[str, Any]:
    """Leaves a transaction open on the platform's connection."""
    if sql:
        with connection.cursor() as cursor:
            cursor.execute(sql)
    else:
        connection.set_autocommit(False)
    return {"left": True}


@workflow_function("tests.fail_until")
def fail_until(path: str, times: int) -> dict[str, Any]:
    """Fails so many times, counted in a file, then works."""
    file = Path(path)
    count = len(file.read_text()) if file.exists() else 0
    file.write_text("x" * (count + 1))
    if count < times:
        raise RuntimeError(f"try {count + 1}")
    return {"tries": count + 1}


@workflow_function("tests.write", inline=False)
def write(path: str, text: str, seconds: float = 0.0) -> dict[str, Any]:
    """Appends a line to a file, then takes a while: an effect outside."""
    with Path(path).open("a") as file:
        file.write(text + "\n")
    time.sleep(seconds)
    return {"written": text}


@workflow_function("tests.die", inline=False)
def die() -> None:
    """Kills the process that runs it."""
    os.kill(os.getpid(), signal.SIGKILL)


@workflow_function("tests.positional", pure=True)
def positional(value: int, /) -> int:
    """Takes an argument that has no name."""
    return value


@workflow_function("tests.find", read_only=True)
def find(key: str, limit: int = 10) -> dict[str, Any]:
    """Finds what is kept under a key."""
    return {"found": f"{key} has 3 open orders"[: limit * 10]}


@workflow_function("tests.owner", read_only=True)
def owner(owner: RunOwner) -> dict[str, Any]:
    """Tells for whom it is called."""
    return {"user": str(owner.user_id), "organisation": str(owner.organisation_id)}


@workflow_function("tests.say", read_only=True)
def say(text: str = "", times: int = 1, seconds: float = 0.0) -> str:
    """Says something, perhaps later."""
    time.sleep(seconds)
    return text * times


KEPT: list[str] = []
"""What `tests.fetch` gives, in the process that sets it."""


@workflow_function("tests.fetch", read_only=True)
def fetch(key: int) -> str:
    """Gives what is kept."""
    return KEPT[key]


@workflow_function("tests.number", read_only=True)
def number(text: str) -> int:
    """Reads a number, and quotes what is none."""
    return int(text)


@workflow_function("tests.raise", read_only=True)
def raises(how: str = "error") -> None:
    """Fails."""
    raise {
        "error": ValueError("the password is hunter2"),
        "exit": SystemExit("enough"),
        "interrupted": KeyboardInterrupt(),
    }[how]


@workflow_function("tests.claim", read_only=True)
def claim(name: str) -> None:
    """Claims to read only."""
    Workflow.objects.update(name=name)


@workflow_function("tests.ask", read_only=True)
def ask(statement_seconds: float = 0.0) -> dict[str, Any]:
    """Asks the database something that takes a while."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [statement_seconds])
    return {"runs": Workflow.objects.count()}
