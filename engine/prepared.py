"""Statements that every step runs, prepared on the connection below psycopg's cursors.

A cursor costs as much Python as all the rest of a cheap step. Values still go through psycopg's
adaptation. Parameters are named `%(name)s` and cast where they stand, since the server has to infer
their types.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import psycopg.abc
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

_STARTED = time.monotonic()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Server:
    """What is kept for a connection.

    Attributes:
        adapt: turns values into the server's text and back.
        names: statement -> (generation, its name on the server).
    """

    adapt: psycopg.abc.Transformer
    names: dict[str, tuple[int, bytes]] = field(default_factory=dict)


_servers: WeakKeyDictionary[psycopg.Connection[Any], _Server] = WeakKeyDictionary()


def run(
    connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows that a statement answers with. Raises psycopg's errors."""
    pgconn = connection.pgconn
    if not connection.autocommit and pgconn.transaction_status == TransactionStatus.IDLE:
        connection.execute("SELECT")  # has psycopg begin the transaction
    server = _servers.get(connection)
    if server is None:
        # Made without the connection, which it would keep alive; all of ours speak UTF-8.
        server = _servers[connection] = _Server(adapt=Transformer(connection.adapters))
    sql, names = _positional(statement)
    values = server.adapt.dump_sequence(
        [parameters[name] for name in names], [PyFormat.TEXT] * len(names)
    )
    result = pgconn.exec_prepared(_name(pgconn, server, statement, sql), values)  # type: ignore[arg-type]  # None is NULL
    _check(pgconn, result)
    server.adapt.set_pgresult(result)
    return server.adapt.load_rows(0, result.ntuples, tuple)


def _name(pgconn: PGconn, server: _Server, statement: str, sql: bytes) -> bytes:
    # PostgreSQL keeps a prepared plan while a table grows from empty, when reading all of it was
    # best. So it is prepared anew: after one second, two, four ... of the process's life.
    generation = int(time.monotonic() - _STARTED).bit_length()
    found = server.names.get(statement)
    if found is not None and found[0] == generation:
        return found[1]
    number = len(server.names) if found is None else int(found[1].split(b"_")[1])
    name = b"engine_%d_%d" % (number, generation)
    _check(pgconn, pgconn.prepare(name, sql))
    server.names[statement] = generation, name
    if found is not None:
        pgconn.close_prepared(found[1])
    return name


@lru_cache(maxsize=64)
def _positional(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1`, `$2` ..., and the names in their order."""
    names = tuple(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    numbers = {name: f"${number}" for number, name in enumerate(names, 1)}
    return re.sub(r"%\((\w+)\)s", lambda m: numbers[m[1]], statement).encode(), names


def _check(pgconn: PGconn, result: PGresult) -> None:
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return
    # What the server itself says has a code. Without one it is libpq that says why the connection
    # broke, sometimes before its status does.
    if pgconn.status == ConnStatus.BAD or result.error_field(DiagnosticField.SQLSTATE) is None:
        raise psycopg.OperationalError(result.get_error_message())
    raise psycopg.errors.error_from_result(result)
