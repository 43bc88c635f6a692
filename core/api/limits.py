"""Bodies that are too large are refused before they are read: Django spools the whole body first.

So is a body of unknown length, which DRF would take for no body at all.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from core.api.errors import envelope

_Message = Mapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_Application = Callable[[dict[str, Any], _Receive, _Send], Awaitable[None]]

TOO_LARGE = 413
LENGTH_REQUIRED = 411


class BodyLimit:
    """An ASGI application that passes on to another what announces an acceptable body."""

    def __init__(self, application: _Application, *, max_bytes: int) -> None:
        self.application = application
        self.max_bytes = max_bytes

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] == "http":
            headers = {name.lower(): value for name, value in scope["headers"]}
            if b"transfer-encoding" in headers:
                message = "Send the body with its length (Content-Length), not in chunks."
                await _refuse(send, LENGTH_REQUIRED, "length_required", message)
                return
            length = headers.get(b"content-length", b"")
            if length.isdigit() and int(length) > self.max_bytes:
                message = f"The body is larger than {self.max_bytes} bytes."
                await _refuse(send, TOO_LARGE, "too_large", message)
                return
        await self.application(scope, receive, send)


async def _refuse(send: _Send, status: int, code: str, message: str) -> None:
    body = json.dumps(envelope(code, message)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                # The rest of the request is under way: the connection cannot be used again.
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
