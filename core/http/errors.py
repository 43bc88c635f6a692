"""Why a request to the outside was not made, or brought no answer.

No text of these errors holds a path, a query, a header or a body: they may hold secrets. Only
`permanent` ones are never tried again by a step's retry policy.
"""

from __future__ import annotations

from core.errors import PlatformError


class HttpError(PlatformError):
    """The request to the outside failed."""

    code = "http_error"
    status = 502
    permanent = False


class RequestRefused(HttpError):
    """This request may not leave the platform."""

    code = "http_refused"
    status = 400
    permanent = True


class UrlRefused(RequestRefused):
    """The URL is not one that a step may call."""

    code = "http_url_refused"


class HostRefused(RequestRefused):
    """The host or port is not among those that this deployment allows."""

    code = "http_host_refused"


class AddressRefused(RequestRefused):
    """The host's address is not a public one."""

    code = "http_address_refused"


class RedirectRefused(RequestRefused):
    """The server redirects to where the request may not go."""

    code = "http_redirect_refused"


class HostNotFound(HttpError):
    """The host's name has no address."""

    code = "http_host_not_found"


class ConnectionFailed(HttpError):
    """The connection could not be made, or was cut."""

    code = "http_connection_failed"


class TlsFailed(HttpError):
    """The server could not prove who it is."""

    code = "http_tls_failed"
    permanent = True


class HttpTimeout(HttpError):
    """The server did not answer in time."""

    code = "http_timeout"
    status = 504


class BadAnswer(HttpError):
    """The server's answer is not HTTP that can be read."""

    code = "http_bad_answer"


class AnswerTooLarge(HttpError):
    """The server's answer is too large."""

    code = "http_answer_too_large"
    permanent = True


class Rejected(HttpError):
    """The server rejected the request."""

    code = "http_rejected"
    permanent = True


class Unavailable(HttpError):
    """The server cannot serve the request now."""

    code = "http_unavailable"
