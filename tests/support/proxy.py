"""A way to the tests' PostgreSQL that can be cut: connections break, new ones are refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings


class Proxy:
    """Hands what comes to a port of this machine on to the tests' server."""

    def __init__(self) -> None:
        self.port = 0
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a process that is to come this way."""
        database = settings.DATABASES["default"]
        return {
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.port),
            "DATABASE_URL": "",
            "DB_NAME": str(database["NAME"]),
            "DB_USER": str(database["USER"]),
            "DB_PASSWORD": str(database["PASSWORD"]),
        }

    @property
    def connections(self) -> int:
        """How many lead to the server now."""
        with self._lock:
            return len(self._open) // 2

    def join(self) -> None:
        """Lets connections come, at the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Ends all connections; whoever wants one is refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener)
        with self._lock:
            ended, self._open = self._open, set()
        for side in ended:
            _end(side)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = _server()
                with self._lock:
                    self._open |= {near, far}
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with self._lock:
            self._open -= {source, target}
        _end(source)
        _end(target)


@contextmanager
def cuttable() -> Iterator[Proxy]:
    """A proxy that is joined."""
    proxy = Proxy()
    proxy.join()
    try:
        yield proxy
    finally:
        proxy.cut()


def _server() -> socket.socket:
    database = settings.DATABASES["default"]
    host, port = str(database["HOST"]), int(database["PORT"])
    if not host.startswith("/"):
        return socket.create_connection((host or "localhost", port))
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return made


def _end(side: socket.socket) -> None:
    with suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
