"""Bodies under the real web server: refused before they are read, or read whole."""

from __future__ import annotations

import json
import socket

from engine.models import WorkflowExecution
from tests.support.cast import Cast
from tests.support.serving import Server

CAP = 12 * 1024 * 1024


def ask(port: int, head: str, body: bytes = b"") -> tuple[int, dict[str, object]]:
    """Sends a request, the body as it is, and reads the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    start, _, payload = answer.partition(b"\r\n\r\n")
    return int(start.split()[1]), json.loads(payload or b"{}")


def test_bodies(server: Server, cast: Cast) -> None:
    port = server.port
    token = cast.owner.api._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]
    execute = (
        f"POST /api/v1/workflows/{cast.shared.id}/execute HTTP/1.1\nHost: localhost\n"
        f"Authorization: {token}\nContent-Type: application/json\nConnection: close\n"
    )
    # Nothing of the body is sent: the answer cannot have waited for it.
    status, error = ask(port, f"{execute}Content-Length: {CAP + 1}")
    assert (status, error["code"]) == (413, "too_large")
    chunk = b"2\r\n{}\r\n0\r\n\r\n"
    status, error = ask(port, f"{execute}Transfer-Encoding: chunked", chunk)
    assert (status, error["code"]) == (411, "length_required")
    # A body that ends before its announced length is no request, and no trouble for the next one.
    with socket.create_connection(("127.0.0.1", port), timeout=20) as cut:
        head = f"{execute}Content-Length: 100".replace("\n", "\r\n")
        cut.sendall(head.encode() + b'\r\n\r\n{"context"')
        cut.shutdown(socket.SHUT_WR)
        assert cut.recv(65536) == b""
    assert not WorkflowExecution.objects.exists()
    text = "x" * (CAP - 100)
    body = json.dumps({"context": {"data": {"text": text}}}).encode()
    status, started = ask(port, f"{execute}Content-Length: {len(body)}", body)
    assert (status, started["status"]) == (202, "running")
