"""A small server that speaks OpenAI's chat completions, well or badly, on a real socket."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-tests-0123456789"


def completion(content: str | None = "Fine.", **fields: Any) -> dict[str, Any]:
    """A good answer's body; `fields` replace parts of it."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 1000,
            "completion_tokens": 500,
            "total_tokens": 1500,
            "prompt_tokens_details": {"cached_tokens": 100},
        },
    }
    return {**body, **fields}


def choice(finish_reason: str, **message: Any) -> dict[str, Any]:
    """A good answer but for its choice."""
    whole = {"role": "assistant", "content": None, **message}
    return completion(choices=[{"index": 0, "message": whole, "finish_reason": finish_reason}])


def pieces(
    *texts: str, usage: Any = "usual", finish: str | None = "stop", done: bool = True
) -> list[Any]:
    """A good answer that comes in these pieces: what goes over the wire one after the other."""

    def event(**fields: Any) -> bytes:
        body = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [],
            **fields,
        }
        return b"data: " + json.dumps(body).encode() + b"\n\n"

    sent: list[Any] = [
        event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])
        for text in texts
    ]
    if finish is not None:
        sent.append(event(choices=[{"index": 0, "delta": {}, "finish_reason": finish}]))
    if usage is not None:
        sent.append(event(usage=completion()["usage"] if usage == "usual" else usage))
    return [*sent, b"data: [DONE]\n\n"] if done else sent


def unmarked(text: str) -> str:
    """What was sent, without the marks around data."""
    return re.sub(r"</?data-[0-9a-f]{16}>", "", text)


class Endpoint:
    """What the server does next, and what it received.

    Attributes:
        answers: (status, body) one after the other, the last again and again. A body is JSON,
            bytes, the name of a misbehaviour ("slow", "drip", "reset", "cut", "huge" ...), or what
            is streamed: a list of bytes, events of this process that are waited for, and "cut".
        extra: further headers.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = [(200, completion())]
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.extra: dict[str, str] = {}
        self.url = ""
        self.released = threading.Event()

    def next(self) -> tuple[int, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.endpoint.requests.append(json.loads(body))
        self.endpoint.headers.append({k.lower(): v for k, v in self.headers.items()})
        status, answer = self.endpoint.next()
        if isinstance(answer, str):
            self.close_connection = True
            getattr(self, answer)()
            return
        if isinstance(answer, list) and answer and isinstance(answer[0], bytes):
            self.stream(answer)
            return
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = "text/html" if raw.startswith(b"<") else "application/json"
        self.begin(status, len(raw), kind)
        self.wfile.write(raw)

    def begin(self, status: int, length: int, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in self.endpoint.extra.items():
            self.send_header(name, value)
        self.end_headers()

    def stream(self, items: list[Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for item in items:
                if isinstance(item, threading.Event):
                    while not (item.wait(0.05) or self.endpoint.released.is_set()):
                        pass
                elif item == "cut":
                    self.close_connection = True
                    return
                else:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(item), item))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass

    def slow(self) -> None:
        self.endpoint.released.wait(20)

    def drip(self) -> None:
        """Never silent for long, never done."""
        self.begin(200, 1_000_000)
        try:
            while not self.endpoint.released.is_set():
                self.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            pass

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def cut(self) -> None:
        self.begin(200, 10_000)
        self.wfile.write(json.dumps(completion()).encode()[:50])

    def huge(self) -> None:
        self.begin(200, 100 * 1024 * 1024)
        try:
            for _ in range(100):
                self.wfile.write(b" " * 1024 * 1024)
        except OSError:
            pass

    def cut_stream(self) -> None:
        self.stream([*pieces("It is", " well.")[:2], "cut"])

    def garbled_stream(self) -> None:
        self.stream([pieces("It is")[0], b'data: {"choices": [{"del\n\n'])

    def huge_stream(self) -> None:
        self.stream([b"data: " + b"x" * 1024 * 1024] * 100)

    def gzip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"xx")

    def redirect(self) -> None:
        self.send_response(307)
        self.send_header("Location", f"{self.endpoint.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that tests cut are no news."""


@contextmanager
def serving() -> Iterator[Endpoint]:
    """An endpoint of its own for the time of the block."""
    endpoint = Endpoint()
    handler = type("BoundHandler", (Handler,), {"endpoint": endpoint})
    server = Server(("127.0.0.1", 0), handler)
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
