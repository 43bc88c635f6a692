"""Statements that every step runs, prepared on the connection below psycopg's cursors.

A cursor costs as much Python as all the rest of a cheap step. Values still go through psycopg's
adaptation. Parameters are named `%(name)s` and cast where they stand, since the server has to infer
their types.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

_STARTED = time.monotonic()
# By connection: statement -> (generation, name on the server).
_known: WeakKeyDictionary[psycopg.Connection[Any], dict[str, tuple[int, bytes]]] = (
    WeakKeyDictionary()
)


def run(
    connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows that a statement answers with. Raises psycopg's errors."""
    server = connection.pgconn
    if not connection.autocommit and server.transaction_status == TransactionStatus.IDLE:
        connection.execute("SELECT")  # has psycopg begin the transaction
    sql, names = _positional(statement)
    adapt = Transformer(connection)
    values = adapt.dump_sequence([parameters[name] for name in names], [PyFormat.TEXT] * len(names))
    result = server.exec_prepared(_name(connection, statement, sql), values)  # type: ignore[arg-type]  # None is NULL
    _check(connection, result)
    adapt.set_pgresult(result)
    return adapt.load_rows(0, result.ntuples, tuple)


def _name(connection: psycopg.Connection[Any], statement: str, sql: bytes) -> bytes:
    # PostgreSQL keeps a prepared plan while a table grows from empty, when reading all of it was
    # best. So it is prepared anew: after one second, two, four ... of the process's life.
    generation = int(time.monotonic() - _STARTED).bit_length()
    known = _known.setdefault(connection, {})
    found = known.get(statement)
    if found is not None and found[0] == generation:
        return found[1]
    name = b"engine_%d_%d" % (len(known) if found is None else _number(found[1]), generation)
    _check(connection, connection.pgconn.prepare(name, sql))
    known[statement] = generation, name
    if found is not None:
        connection.pgconn.close_prepared(found[1])
    return name


def _number(name: bytes) -> int:
    return int(name.split(b"_")[1])


@lru_cache(maxsize=64)
def _positional(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1`, `$2` ..., and the names in their order."""
    names = tuple(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    numbers = {name: f"${number}" for number, name in enumerate(names, 1)}
    return re.sub(r"%\((\w+)\)s", lambda m: numbers[m[1]], statement).encode(), names


def _check(connection: psycopg.Connection[Any], result: psycopg.pq.abc.PGresult) -> None:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return
    if connection.pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(result.get_error_message())
    raise psycopg.errors.error_from_result(result)
