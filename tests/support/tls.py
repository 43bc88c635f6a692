"""TLS in front of the embedded servers, which are built without it.

A terminator of its own, with real certificates and handshakes: what reaches PostgreSQL or Valkey
behind it has been through TLS, and what comes without is sent away as those servers do it.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
import trustme

_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_REFUSAL = b"SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host, no encryption\0\0"

Negotiate = Callable[[asyncio.StreamReader, asyncio.StreamWriter, ssl.SSLContext], Awaitable[bool]]


class Authority:
    """Issues certificates. `file` is what those read who are to trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._authority = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str) -> ssl.SSLContext:
        """The side of a server that answers to these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names).configure_cert(context)
        return context


class Terminator:
    """Takes TLS connections on 127.0.0.1 and passes what they carry on to a unix socket."""

    def __init__(self, target: str, context: ssl.SSLContext, *, negotiate: Negotiate) -> None:
        self._target, self._context, self._negotiate = target, context, negotiate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self.passed = 0  # connections that came through

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        )
        self._server = started.result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        def stop() -> None:
            self._server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_later(0.1, self._loop.stop)

        self._loop.call_soon_threadsafe(stop)
        self._thread.join(10)
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            if await self._negotiate(reader, writer, self._context):
                self.passed += 1
                behind = await asyncio.open_unix_connection(self._target)
                await asyncio.gather(_pass(reader, behind[1]), _pass(behind[0], writer))
        writer.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    finally:
        writer.close()


async def at_once(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> bool:
    """As Valkey: the handshake comes first."""
    await writer.start_tls(context)
    return True


async def when_asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> bool:
    """As PostgreSQL with `hostssl` alone: the client asks for TLS, and is refused without."""
    while True:
        size, code = struct.unpack("!II", await reader.readexactly(8))
        if code == _SSL_REQUEST:
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(context)
            return True
        if code != _GSS_REQUEST:
            await reader.readexactly(size - 8)
            writer.write(b"E" + struct.pack("!I", len(_REFUSAL) + 4) + _REFUSAL)
            await writer.drain()
            return False
        writer.write(b"N")
        await writer.drain()


async def plainly(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
) -> bool:
    """No TLS at all: Valkey as it is, without a handshake."""
    return True


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that is trusted."""
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another one, as whoever is in between may have it."""
    return Authority(tmp_path_factory.mktemp("authority"), "theirs")
