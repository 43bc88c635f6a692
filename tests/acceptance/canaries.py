"""What becomes of a secret: twenty ways to use one, with servers that hand it back."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.support.web import Answer, Received, page, raw, redirect

CORE = "Kanarienvogel4711"
"""Part of every canary. Letters and digits: its forms are found inside those of any canary."""


def canary(number: int) -> str:
    """A secret of its own, with what URLs, JSON, HTML and base64 write in another way."""
    return f"{number:03}/+=&'\"<{CORE}>~{number * 7919:06}"


def needles() -> set[str]:
    """The forms of CORE: plain, in base64 at any of its three offsets, in hexadecimal."""
    raw_core = CORE.encode()
    found = {CORE, CORE.lower(), CORE.upper(), raw_core.hex(), CORE[::-1]}
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + raw_core).decode()
        # Without the characters that the neighbours share.
        found.add(coded[4 if offset else 0 : len(coded) // 4 * 4 - 4])
    return found


def sent(received: Received) -> str:
    """The secret that a request holds, wherever."""
    return received.headers.get("x-key", "") or json.loads(received.body)["key"]


def answering(make: Callable[[str], Any], **fields: Any) -> Answer:
    """A page made of the secret that came."""

    def answer(received: Received, connection: socket.socket) -> None:
        page(make(sent(received)), **fields)(received, connection)

    return answer


def bytes_of(make: Callable[[str], str]) -> Answer:
    """Bytes that are no good answer, made of the secret that came."""

    def answer(received: Received, connection: socket.socket) -> None:
        raw(make(sent(received)).encode())(received, connection)

    return answer


def echo_all(received: Received, connection: socket.socket) -> None:
    page(
        {"headers": received.headers, "path": received.path, "body": received.body.decode()},
        X_Key=received.headers.get("x-key", ""),
        Set_Cookie=f"session={received.headers.get('x-key', '')}",
    )(received, connection)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A page, the steps that call it with a secret, and how they end.

    Attributes:
        config: more configuration; "NAME" in it is the secret's place.
        step: more of the step.
        code: of the step's error; empty where it completes.
    """

    answer: Answer
    config: dict[str, Any] = field(default_factory=dict)
    step: dict[str, Any] = field(default_factory=dict)
    step_type: str = "HTTP"
    code: str = ""


def _source(**config: Any) -> dict[str, Any]:
    return {"step_type": "DATA_COLLECTION", "config": {"source": "url", **config}}


def _basic(secret: str) -> str:
    return base64.b64encode(f"user:{secret}".encode()).decode()


_POST = {"method": "POST", "headers": {}}
SCENARIOS: dict[str, Scenario] = {
    "echoed": Scenario(answer=echo_all),
    "echoed as text": Scenario(answer=echo_all, config={"response": "text"}),
    "echoed from a body": Scenario(answer=echo_all, config={**_POST, "json": {"key": "NAME"}}),
    "echoed from a form": Scenario(answer=echo_all, config={**_POST, "form": {"a b": "NAME"}}),
    "echoed from a query": Scenario(answer=echo_all, config={"query": {"k": "x NAME y"}}),
    "echoed in base64": Scenario(
        answer=answering(lambda s: {"a": _basic(s), "b": [base64.b64encode(s.encode()).decode()]})
    ),
    "echoed with escapes": Scenario(
        answer=answering(
            lambda s: json.dumps({s: [quote(s), quote(s, safe=""), s.encode().hex()]}).encode()
        )
    ),
    "echoed as HTML": Scenario(
        answer=answering(
            lambda s: f"<p>{s.replace('&', '&amp;').replace('<', '&lt;')}</p>".encode(),
            kind="text/html",
        )
    ),
    "read as CSV": Scenario(
        answer=answering(lambda s: ('a;b\n1;"' + s.replace('"', '""') + '"\n').encode()),
        **_source(format="csv", columns={"a": "number", "b": "text"}, delimiter=";"),
    ),
    "no CSV": Scenario(
        answer=answering(lambda s: f"a;b\n{s};x\n{s};{s}\n".encode()),
        **_source(format="csv", columns={"a": "number", "b": "boolean"}, delimiter=";"),
        code="invalid_data",
    ),
    "against a schema": Scenario(
        answer=answering(lambda s: {"a": s, s: 1}),
        **_source(
            format="json",
            schema={
                "type": "object",
                "properties": {"a": {"type": "string", "maxLength": 3}},
                "additionalProperties": False,
            },
        ),
        code="invalid_data",
    ),
    "against rules": Scenario(
        answer=echo_all,
        step={"validation_rules": {"rules": [{"expr": "output.body == ''", "message": "no"}]}},
        code="step_refused",
    ),
    "rejected": Scenario(
        answer=answering(lambda s: {"error": f"no such key {s}", "again": _basic(s)}, status=401),
        code="http_rejected",
    ),
    "tried again": Scenario(
        answer=answering(lambda s: f"busy: {s}".encode(), status=503, kind="text/plain"),
        step={"retry": {"max_attempts": 2, "delay": 0.01}},
        code="http_unavailable",
    ),
    "no HTTP": Scenario(
        answer=bytes_of(lambda s: f"{s} garbage {s}\r\n\r\n"),
        code="http_bad_answer",
    ),
    "cut": Scenario(
        answer=bytes_of(lambda s: f"HTTP/1.1 200 {s}\r\nContent-Length: 999\r\nX: {s}\r\n\r\n{s}"),
        code="http_bad_answer",
    ),
    "no JSON": Scenario(
        answer=bytes_of(lambda s: f'HTTP/1.1 200 OK\r\n\r\n{{"{s}": NaN, "{s}": 1, {s}'),
        config={"response": "json"},
        code="http_bad_answer",
    ),
    "no text": Scenario(
        answer=answering(lambda s: s.encode() + b"\xff", kind=f"text/plain; charset={CORE}"),
        code="http_bad_answer",
    ),
    "led away": Scenario(
        answer=lambda received, connection: redirect(
            f"http://127.0.0.1:1/?{quote(sent(received))}", 307
        )(received, connection),
        code="http_redirect_refused",
    ),
    "raised": Scenario(
        answer=answering(lambda s: {"said": s, "more": _basic(s)}),
        step={"and then": "fail"},
    ),
}
