"""TLS of the guarded client: who the server must prove to be."""

from __future__ import annotations

import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from pytest_django import Settings

from core.http.errors import HttpTimeout, RedirectRefused, TlsFailed
from tests.core.http.conftest import Ask, Names
from tests.support.web import Web, echo, redirect, serving

Secure = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA, settings: Settings, tmp_path: Path) -> Secure:
    """Makes a server's context for names; the deployment trusts their authority."""
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    def context(*hosts: str, by: trustme.CA = authority) -> ssl.SSLContext:
        settings.HTTP_CA_FILE = str(ca_file)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        by.issue_cert(*hosts).configure_cert(made)
        return made

    return context


def test_tls(ask: Ask, names: Names, secure: Secure) -> None:
    names["api.example"] = ["127.0.0.1"]
    with serving(tls=secure("api.example", "127.0.0.1")) as web:
        web.pages["/"] = echo
        said = ask(web.url(host="api.example")).json()
        assert said["headers"]["host"] == f"api.example:{web.port}"
        assert ask(web.url()).json()["method"] == "GET"


def test_tls_for_another_name(ask: Ask, names: Names, secure: Secure) -> None:
    names["api.example"] = ["127.0.0.1"]
    with serving(tls=secure("other.example")) as web:
        for host in ("api.example", "127.0.0.1"):
            with pytest.raises(TlsFailed) as raised:
                ask(web.url(host=host), headers={"Authorization": "x"})
            assert raised.value.permanent
        assert web.received == []


def test_tls_by_an_unknown_authority(ask: Ask, names: Names, secure: Secure) -> None:
    names["api.example"] = ["127.0.0.1"]
    with serving(tls=secure("api.example", by=trustme.CA())) as web:
        with pytest.raises(TlsFailed):
            ask(web.url(host="api.example"))
        assert web.received == []


def test_tls_that_is_too_old(ask: Ask, names: Names, secure: Secure) -> None:
    names["api.example"] = ["127.0.0.1"]
    context = secure("api.example")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with serving(tls=context) as web, pytest.raises(TlsFailed):
        ask(web.url(host="api.example"))


@pytest.fixture
def greeter() -> Iterator[int]:
    """The port of a server that speaks first, as those of mail do."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"220 mail.example ready\r\n" * 10)

        thread = threading.Thread(target=greet)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_plain_text_where_tls_should_be(ask: Ask, greeter: int) -> None:
    with pytest.raises(TlsFailed):
        ask(f"https://127.0.0.1:{greeter}/")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(HttpTimeout):
        ask(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.3)


def test_no_redirect_from_https_to_http(ask: Ask, names: Names, secure: Secure, web: Web) -> None:
    names["api.example"] = ["127.0.0.1"]
    with serving(tls=secure("api.example")) as safe:
        safe.pages["/"] = redirect(web.url())
        with pytest.raises(RedirectRefused):
            ask(safe.url(host="api.example"))
        assert web.connections == 0
