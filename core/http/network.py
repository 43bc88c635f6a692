"""The network under httpcore2: names resolved once, addresses checked, every wait within one time.

The address that was checked is the one that is connected to: nothing is resolved a second time,
so that a name which answers differently the next moment (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from httpcore2 import SOCKET_OPTION, NetworkBackend, NetworkStream, WriteError

from core.http.addresses import Address
from core.http.errors import (
    AnswerTooLarge,
    ConnectionFailed,
    HostNotFound,
    HttpTimeout,
    TlsFailed,
)
from core.http.policy import Policy
from core.http.targets import Target

Resolver = Callable[[str, int], Sequence[Address]]
"""(name, port) -> its addresses; raises OSError where there are none."""

_PIECE = 16 * 1024  # bytes written at once
_CONNECT_SECONDS = 10.0  # for one of several addresses


def resolve(name: str, port: int) -> list[Address]:
    """What the system's resolver says, in its order."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    # The zone of a link-local address would hide it from nothing, but is no address either.
    return list(dict.fromkeys(ip_address(str(each[4][0]).partition("%")[0]) for each in found))


class Deadline:
    """One time for a whole request, whatever it waits for and however often."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left. Raises HttpTimeout where none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.missed()
        return left

    def missed(self) -> HttpTimeout:
        """The error of a request that took too long."""
        return HttpTimeout(f"The server did not answer within {self.seconds:g} s.")


def checked_addresses(
    target: Target, *, policy: Policy, resolver: Resolver, deadline: Deadline
) -> list[Address]:
    """The target's addresses, each of which may be connected to.

    Raises:
        HostRefused, AddressRefused: by the policy; HostNotFound; HttpTimeout.
    """
    policy.check(target)
    if target.address is not None:
        return [target.address]
    found = _resolved(target, resolver, deadline)
    policy.check_addresses(target, found)
    return list(found)


def _resolved(target: Target, resolver: Resolver, deadline: Deadline) -> Sequence[Address]:
    # In a thread, since no timeout reaches the system's resolver.
    outcome: list[Sequence[Address] | OSError | UnicodeError] = []

    def ask() -> None:
        try:
            outcome.append(resolver(target.host, target.port))
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(deadline.left())
    if not outcome:
        raise deadline.missed()
    found = outcome[0]
    if isinstance(found, Exception) or not found:
        raise HostNotFound(f"The name {target.host} has no address.")
    return found


class CheckedBackend(NetworkBackend):
    """Connects to addresses that were checked, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[Address], deadline: Deadline, max_bytes: int) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._max_bytes = max_bytes

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        refused: OSError | None = None
        for address in self._addresses:
            left = self._deadline.left()
            if len(self._addresses) > 1:
                left = min(left, _CONNECT_SECONDS)
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(left)
                connection.connect((str(address), port))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connection.close()
                refused = error
            except BaseException:
                connection.close()
                raise
            else:
                return CheckedStream(connection, self._deadline, self._max_bytes)
        self._deadline.left()
        reason = "it does not answer" if isinstance(refused, TimeoutError) else str(refused)
        raise ConnectionFailed(f"No connection to {host}, port {port}: {reason}.")


class CheckedStream(NetworkStream):
    """A connection whose every wait ends with the deadline and whose bytes are counted."""

    def __init__(self, connection: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        self._socket = connection
        self._deadline = deadline
        self._bytes_left = max_bytes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._waiting():
            data = self._socket.recv(max_bytes)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise AnswerTooLarge("The server sends more bytes than its answer may take.")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:
            try:
                with self._waiting():
                    sent = self._socket.send(rest[:_PIECE])
            except ConnectionFailed as error:
                # Then httpcore2 still reads: the server may have answered before it hung up.
                raise WriteError(error.message) from None
            rest = rest[sent:]

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        try:
            self._socket.settimeout(self._deadline.left())
            self._socket = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except ssl.SSLCertVerificationError as error:
            raise TlsFailed(
                f"The certificate of {server_hostname} is not valid: {error.verify_message}."
            ) from None
        except TimeoutError:
            raise self._deadline.missed() from None
        except ssl.SSLError as error:
            raise TlsFailed(f"No TLS with {server_hostname}: {error.reason}.") from None
        except OSError as error:
            raise ConnectionFailed(
                f"The connection was cut in the TLS handshake: {error}."
            ) from None
        return self

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._socket.settimeout(self._deadline.left())
        try:
            yield
        except TimeoutError:
            raise self._deadline.missed() from None
        except OSError as error:
            raise ConnectionFailed(f"The connection was cut: {error.strerror or error}.") from None
