"""Django's PostgreSQL behind a pool that an outage of the database leaves no trace in."""

from __future__ import annotations

import select
import time
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import Connection
from psycopg import Error as PsycopgError
from psycopg_pool import ConnectionPool, PoolTimeout


class DatabaseWrapper(base.DatabaseWrapper):
    """Gives no request a connection that died in the pool, and none a wait without end."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A living connection, within `DB_WAIT_SECONDS`.

        Raises:
            PoolTimeout: there was none.
        """
        pool: ConnectionPool | None = self.pool
        if pool is None:
            return super().get_new_connection(conn_params)
        limit = time.monotonic() + settings.DB_WAIT_SECONDS
        while True:
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:
                if time.monotonic() >= limit:
                    raise PoolTimeout(
                        f"the pool had no connection for {settings.DB_WAIT_SECONDS:g} s"
                    ) from None
                continue
            if _lives(connection):
                return connection
            pool.putconn(connection)
            pool.drain()  # the others went with the same server


def _lives(connection: Connection[Any]) -> bool:
    """Whether the server has not ended this idle session. Asks it only where it has said something:
    costs one system call otherwise.
    """
    try:
        said = select.poll()
        said.register(connection.fileno(), select.POLLIN)
        if said.poll(0):
            ConnectionPool.check_connection(connection)
    except PsycopgError:
        return False
    return True
