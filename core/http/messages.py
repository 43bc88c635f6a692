"""What a step sends and what it gets back, with secrets put in and taken out. Pure."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode

from core.errors import PlatformError
from core.http.errors import BadAnswer, Rejected, RequestRefused, Unavailable
from core.http.redaction import Redactor
from core.http.secrets import Revealer
from core.json import parse_json

MAX_REQUEST_BYTES = 10 * 1024 * 1024
Form = Literal["json", "form", "text"]

_CONTENT_TYPES: dict[Form, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
}
_TEMPORARY = {408, 425, 429}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
# Framing and connection are the client's own affair.
_RESERVED = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te",
    "trailer", "expect", "accept-encoding", "proxy-authorization", "proxy-connection", "forwarded",
}  # fmt: skip
_CHARSETS = {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le"}
_EXCERPT = 300  # characters of a server's own error message


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """What a step wants to send. Any text may be a SecretText.

    Attributes:
        query: parameters that are added to the URL's own.
        body: a JSON value, the fields of a form, or a text, as `form` says.
        timeout: seconds for everything: names, connections, redirects, the answer.
        max_bytes: of the answer, decompressed.
    """

    method: str
    url: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Form | None = None
    timeout: float
    max_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpAnswer:
    """What the server answered. Secrets that the request held are taken out of all of it.

    Attributes:
        headers: names in lower case.
        origin: of the server that gave it, after redirects.
    """

    status: int
    headers: dict[str, str]
    origin: str
    _content: bytes = field(repr=False)
    _redactor: Redactor = field(repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether there is no body."""
        return not self._content

    def text(self) -> str:
        """The body as text, by the charset that it names, else UTF-8. Raises BadAnswer."""
        named = re.search(r"charset=\"?([\w-]+)", self.headers.get("content-type", ""), re.ASCII)
        try:
            charset = codecs.lookup(named[1] if named else "utf-8").name
            if charset not in _CHARSETS:
                raise LookupError(charset)
            text = self._content.decode(charset)
        except (LookupError, UnicodeDecodeError):
            raise BadAnswer("The answer is not a text in a known character set.") from None
        return self._redactor.text(text)

    def json(self) -> Any:
        """The body as JSON, within the bounds of `core.json`. Raises BadAnswer."""
        try:
            value = parse_json(self._content, max_bytes=len(self._content))
        except PlatformError as error:
            message = "The answer is not JSON that can be taken over"
            if self._redactor:
                # The parser's words hold shortened keys, which may be the beginning of a secret.
                raise BadAnswer(f"{message}.") from None
            raise BadAnswer(f"{message}: {error.message}", problems=error.problems) from None
        return self._redactor.value(value)

    def clean(self, value: Any) -> Any:
        """A JSON value that was made of the body, once more without secrets."""
        return self._redactor.value(value)

    def raise_for_status(self) -> None:
        """Raises Unavailable for 408, 425, 429 and 5xx, Rejected for the rest beyond 299."""
        if self.status < 300:
            return
        message = f"{self.origin} answered with status {self.status}"
        try:
            said = " ".join(self.text().split())[:_EXCERPT]
        except BadAnswer:
            said = ""
        temporary = self.status in _TEMPORARY or self.status >= 500
        error = Unavailable if temporary else Rejected
        raise error(f"{message}: {said}" if said else f"{message}.")


def url_of(request: HttpRequest, revealer: Revealer) -> str:
    """The whole URL, with secrets."""
    url = revealer.text(request.url, encode=lambda value: quote(value, safe=""))
    if not request.query:
        return url
    query = urlencode([(name, revealer.text(value)) for name, value in request.query])
    url = url.partition("#")[0]
    return f"{url}{'&' if '?' in url else '?'}{query}"


def header_fault(name: str) -> str | None:
    """Why a step may not send a header of this name, or None."""
    if not _HEADER_NAME.fullmatch(name):
        return "a header's name is letters, digits and hyphens"
    if name.lower() in _RESERVED:
        return f"the header '{name}' is the platform's own"
    return None


def value_fault(name: str, value: str) -> str | None:
    """Why a step may not send this as the header's value, or None."""
    if _HEADER_VALUE.fullmatch(value.strip()):
        return None
    return f"the value of the header '{name}' is not printable ASCII"


def headers_of(headers: Mapping[str, str], revealer: Revealer) -> dict[str, str]:
    """The step's own headers, names in lower case, with secrets. Raises RequestRefused."""
    made: dict[str, str] = {}
    for name, text in headers.items():
        value = revealer.text(text)
        fault = header_fault(name) or value_fault(name, value)
        if fault is not None:
            raise RequestRefused(f"{fault[0].upper()}{fault[1:]}.")
        made[name.lower()] = value.strip()
    return made


def body_of(request: HttpRequest, revealer: Revealer) -> tuple[bytes | None, str | None]:
    """The bytes to send and their type, with secrets. Raises RequestRefused."""
    if request.form is None:
        return None, None
    value = revealer.value(request.body)
    match request.form:
        case "json":
            body = json.dumps(value, ensure_ascii=False, allow_nan=False)
        case "form":
            body = urlencode(value)
        case "text":
            body = value
    raw = body.encode()
    if len(raw) > MAX_REQUEST_BYTES:
        raise RequestRefused(f"The request has more than {MAX_REQUEST_BYTES:,} bytes.")
    return raw, _CONTENT_TYPES[request.form]
