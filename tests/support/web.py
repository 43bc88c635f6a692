"""A local web server on plain sockets, that can misbehave in every way."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pytest_django import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    raw: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Received, socket.socket], None]


@dataclass(kw_only=True, slots=True)
class Web:
    """A running server.

    Attributes:
        pages: path (without query) -> what it does.
        received: every request, in order.
        connections: how many were accepted.
    """

    host: str
    port: int = 0
    scheme: str = "http"
    pages: dict[str, Answer] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/", *, host: str | None = None) -> str:
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"


def page(
    body: Any = b"",
    *,
    status: int = 200,
    kind: str = "application/json",
    packed: bool = False,
    **headers: str,
) -> Answer:
    """A well-behaved answer; `Header_name="value"` adds headers."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    raw = gzip.compress(raw) if packed else raw
    lines = {"Content-Type": kind, "Content-Length": str(len(raw))}
    lines |= {"Content-Encoding": "gzip"} if packed else {}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())

    def answer(received: Received, connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + raw)

    return answer


def redirect(location: str, status: int = 302) -> Answer:
    return page(status=status, Location=location)


def raw(*pieces: bytes) -> Answer:
    """These bytes, whatever they mean."""

    def answer(received: Received, connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return answer


def echo(received: Received, connection: socket.socket) -> None:
    """Repeats the request as JSON."""
    page(
        {
            "method": received.method,
            "path": received.path,
            "headers": received.headers,
            "body": received.body.decode(),
        }
    )(received, connection)


@contextmanager
def serving(
    host: str = "127.0.0.1", *, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Web]:
    """A server for the time of the block."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    web = Web(host=host, port=listener.getsockname()[1], scheme="https" if tls else "http")
    thread = threading.Thread(target=_accept, args=(web, listener, tls), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.stopped.set()
        # Wakes the thread up that waits in accept().
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def _accept(web: Web, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    while not web.stopped.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        web.connections += 1
        threading.Thread(target=_serve, args=(web, connection, tls), daemon=True).start()


def _serve(web: Web, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    try:
        connection.settimeout(30)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        received = _read(connection)
        if received is not None:
            web.received.append(received)
            answer = web.pages.get(received.path.partition("?")[0], page(status=404))
            answer(received, connection)
    except OSError:
        pass  # the client hung up, which is what many tests are about
    finally:
        connection.close()


def _read(connection: socket.socket) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Received(method=method, path=path, headers=headers, body=body, raw=data)


@pytest.fixture
def web() -> Iterator[Web]:
    """A server on this machine."""
    with serving() as server:
        yield server


@pytest.fixture
def calls_inside(settings: Settings) -> None:
    """Steps may call this machine, on any port."""
    settings.HTTP_ALLOWED_HOSTS = ["*:*"]
    settings.HTTP_ALLOWED_NETWORKS = ["127.0.0.1/32", "::1/128"]
    settings.HTTP_TIMEOUT_SECONDS = 10.0
    settings.HTTP_CA_FILE = ""
