"""The one way in which a step calls out: checked, bounded in time and size, free of secrets after.

Each hop is resolved once, every address of it is checked, and the connection goes to an address
that was checked, with TLS verified against the host's name. No proxy of the environment, no
cookies, no connection kept: nothing of one request reaches the next.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NoReturn, cast

import httpcore2
import httpx2
from django.conf import settings

from core import tracebacks
from core.errors import PlatformError
from core.http import network
from core.http.addresses import Address
from core.http.errors import (
    AnswerTooLarge,
    BadAnswer,
    ConnectionFailed,
    HttpError,
    RedirectRefused,
    RequestRefused,
)
from core.http.messages import HttpAnswer, HttpRequest, body_of, headers_of, url_of
from core.http.network import CheckedBackend, Deadline, Resolver, checked_addresses
from core.http.policy import Policy, current_policy
from core.http.redaction import Redactor
from core.http.secrets import Lookup, Revealer, UnknownSecret
from core.http.targets import Target, parse_target

logger = logging.getLogger(__name__)
# Its debug lines show the headers of answers, which may repeat a secret.
logging.getLogger("httpcore2").setLevel(logging.INFO)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_REDIRECTS = 5
USER_AGENT = "workflow-platform"
_REDIRECTS = {301, 302, 303, 307, 308}
# What still goes along when a redirect leads to another origin; anything else may be a credential.
_HARMLESS = {"accept", "accept-language", "user-agent", "idempotency-key"}
_CODINGS = {"identity", "gzip", "deflate"}
_OVERHEAD = 1024 * 1024  # bytes beyond twice an answer's size: headers and the framing of chunks


def send(
    request: HttpRequest,
    *,
    secrets: Lookup | None = None,
    policy: Policy | None = None,
    resolver: Resolver | None = None,
) -> HttpAnswer:
    """Sends a request and reads the whole answer, whatever its status.

    Args:
        secrets: finds the secrets that the request names.
        policy: default: that of the settings. resolver: default: the system's.

    Raises:
        HttpError: `permanent` tells whether trying again could help.
    """
    call = _Call(
        request,
        secrets or _no_secrets,
        policy or current_policy(),
        resolver or network.resolve,
    )
    try:
        return call.run()
    except RequestRefused as error:
        logger.warning("outgoing request refused: %s", call.redacted(error).message)
        raise call.redacted(error) from None
    except PlatformError as error:
        raise call.redacted(error) from None
    except (httpcore2.NetworkError, httpcore2.TimeoutException):
        raise ConnectionFailed("The connection was cut.") from None
    except (httpcore2.ProtocolError, httpx2.DecodingError) as error:
        # It quotes the answer as Python would write it: with a secret in it, it is not repeated.
        raise BadAnswer(None if call.redactor else f"The answer cannot be read: {error}.") from None
    except Exception as error:  # noqa: BLE001
        # The error itself may hold what was to be sent: the log gets its place only.
        logger.error("outgoing request failed: %s", tracebacks.places(error))  # noqa: TRY400
        raise HttpError(f"The request could not be made ({type(error).__name__}).") from None


def _no_secrets(name: str) -> NoReturn:
    raise UnknownSecret(f"There is no secret '{name}' here.")


class _Call:
    """One request through all its redirects."""

    def __init__(
        self, request: HttpRequest, secrets: Lookup, policy: Policy, resolver: Resolver
    ) -> None:
        self.request = request
        self.secrets = secrets
        self.policy = policy
        self.resolver = resolver
        self.deadline = Deadline(min(request.timeout, settings.HTTP_TIMEOUT_SECONDS))
        self.redactor = Redactor(())

    def redacted(self, error: PlatformError) -> PlatformError:
        return self.redactor.error(error)

    def run(self) -> HttpAnswer:
        request = self.request
        method = request.method
        if method not in METHODS:
            raise RequestRefused(f"The method is none of {', '.join(METHODS)}.")
        target = parse_target(request.url)
        addresses = self.addresses(target)
        revealer = Revealer(self.secrets, target)
        try:
            target = self.revealed(target, revealer)
            headers = headers_of(request.headers, revealer)
            body, content_type = body_of(request, revealer)
        finally:
            self.redactor = revealer.redactor()
        if content_type is not None:
            headers.setdefault("content-type", content_type)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self.exchange(target, method, headers, body, addresses)
            location = answer.headers.get("location")
            if answer.status_code not in _REDIRECTS or location is None:
                return self.answer(target, method, answer)
            answer.close()
            following = _following(target, location)
            if answer.status_code == 303 or (answer.status_code < 303 and method == "POST"):
                method = method if method == "HEAD" else "GET"
                body = None
                headers.pop("content-type", None)
            if following.origin != target.origin:
                if self.redactor.text(location) != location:
                    raise RedirectRefused(f"{target.origin} redirects a secret to another host.")
                if method not in ("GET", "HEAD"):
                    raise RedirectRefused(
                        f"{target.origin} redirects a {method} to {following.origin}; only GET is"
                        " sent to another host."
                    )
                headers = {name: headers[name] for name in headers.keys() & _HARMLESS}
            target, addresses = following, self.addresses(following)
        raise RedirectRefused(f"{target.origin} redirects more than {MAX_REDIRECTS} times.")

    def addresses(self, target: Target) -> list[Address]:
        return checked_addresses(
            target, policy=self.policy, resolver=self.resolver, deadline=self.deadline
        )

    def revealed(self, target: Target, revealer: Revealer) -> Target:
        revealed = parse_target(url_of(self.request, revealer))
        if revealed.origin != target.origin:
            raise RequestRefused("A secret is no part of a URL's host.")
        return revealed

    def exchange(
        self,
        target: Target,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None,
        addresses: list[Address],
    ) -> httpx2.Response:
        max_bytes = self.request.max_bytes
        scheme, host = target.scheme.encode(), target.host.encode()
        connection = httpcore2.HTTPConnection(
            httpcore2.Origin(scheme, host, target.port),
            ssl_context=_ssl_context(settings.HTTP_CA_FILE) if scheme == b"https" else None,
            network_backend=CheckedBackend(addresses, self.deadline, 2 * max_bytes + _OVERHEAD),
        )
        sent = {
            "host": target.netloc,
            "user-agent": USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "gzip, deflate",
            "connection": "close",
            **headers,
        }
        if body is not None or method in ("POST", "PUT", "PATCH"):
            sent["content-length"] = str(len(body or b""))
        try:
            answer = connection.handle_request(
                httpcore2.Request(
                    method,
                    httpcore2.URL(scheme=scheme, host=host, port=target.port, target=target.path),
                    headers=[(name.encode(), value.encode()) for name, value in sent.items()],
                    content=body,
                )
            )
        except BaseException:
            connection.close()
            raise
        stream = cast("Iterable[bytes]", answer.stream)
        return httpx2.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(connection, stream, max_bytes),
        )

    def answer(self, target: Target, method: str, answer: httpx2.Response) -> HttpAnswer:
        try:
            content = b"".join(self.content(answer)) if method != "HEAD" else b""
        finally:
            answer.close()
        headers = {
            self.redactor.text(name): self.redactor.text(value)
            for name, value in answer.headers.items()
        }
        return HttpAnswer(
            status=answer.status_code,
            headers=headers,
            origin=target.origin,
            _content=content,
            _redactor=self.redactor,
        )

    def content(self, answer: httpx2.Response) -> Iterator[bytes]:
        """The body, decompressed, as long as it is within its bounds."""
        max_bytes = self.request.max_bytes
        if answer.status_code < 200:
            raise BadAnswer("The server wants to speak another protocol.")
        codings = answer.headers.get_list("content-encoding", split_commas=True)
        if len(codings) > 1 or any(coding.strip().lower() not in _CODINGS for coding in codings):
            raise BadAnswer("The answer is compressed in a way that was not asked for.")
        announced = answer.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > max_bytes:
            raise _too_large(max_bytes)
        size = 0
        for piece in answer.iter_bytes():
            self.deadline.left()
            size += len(piece)
            if size > max_bytes:
                raise _too_large(max_bytes)
            yield piece


class _Body(httpx2.SyncByteStream):
    """The bytes of an answer as they come, at most `max_bytes`; closing it ends the connection."""

    def __init__(
        self, connection: httpcore2.HTTPConnection, stream: Iterable[bytes], max_bytes: int
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._left = max_bytes
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._left -= len(piece)
            if self._left < 0:
                raise _too_large(self._max_bytes)
            yield piece

    def close(self) -> None:
        self._connection.close()


def _too_large(max_bytes: int) -> AnswerTooLarge:
    return AnswerTooLarge(f"The answer has more than {max_bytes:,} bytes.")


def _following(target: Target, location: str) -> Target:
    """Where a redirect leads. Raises RequestRefused."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location):
        following = parse_target(location)
    elif "\\" in location or any(character <= " " for character in location):
        raise RedirectRefused(f"{target.origin} redirects to what is no URL.")
    else:
        try:
            following = parse_target(str(target.url.join(location)))
        except httpx2.InvalidURL:
            raise RedirectRefused(f"{target.origin} redirects to what is no URL.") from None
    if target.scheme == "https" and following.scheme == "http":
        raise RedirectRefused(f"{target.origin} redirects from https to http.")
    return following


@lru_cache(maxsize=4)
def _ssl_context(ca_file: str) -> ssl.SSLContext:
    """Verifies certificates and host names against the system's authorities and the file's."""
    context = httpcore2.default_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context
