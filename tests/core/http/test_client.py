"""The guarded client against real servers on this machine, which mean it well or ill."""

from __future__ import annotations

import socket
import threading
import time
import zlib
from contextlib import suppress
from typing import Any

import pytest
from pytest_django import Settings

from core.http.errors import (
    AddressRefused,
    AnswerTooLarge,
    BadAnswer,
    ConnectionFailed,
    HostNotFound,
    HostRefused,
    HttpError,
    HttpTimeout,
    RedirectRefused,
    Rejected,
    RequestRefused,
    Unavailable,
    UrlRefused,
)
from tests.core.http.conftest import Ask, Names
from tests.support.web import Answer, Received, Web, echo, page, raw, redirect, serving


def test_json_and_its_headers(ask: Ask, web: Web) -> None:
    web.pages["/items"] = page({"items": [1, 2]}, packed=True, X_More="yes")
    answer = ask(web.url("/items?q=a%20b#part"), headers={"X-Trace": "7", "accept": "a/b"})
    assert answer.status == 200
    assert answer.json() == {"items": [1, 2]}
    assert answer.headers["x-more"] == "yes"
    assert answer.origin == f"http://127.0.0.1:{web.port}"
    received = web.received[0]
    assert received.path == "/items?q=a%20b"
    assert received.headers == {
        "host": f"127.0.0.1:{web.port}",
        "user-agent": "workflow-platform",
        "accept": "a/b",
        "accept-encoding": "gzip, deflate",
        "connection": "close",
        "x-trace": "7",
    }


@pytest.mark.parametrize(
    ("form", "body", "kind", "sent"),
    [
        ("json", {"a": ["é", 1]}, "application/json", '{"a": ["é", 1]}'),
        ("form", {"a b": "1&2"}, "application/x-www-form-urlencoded", "a+b=1%262"),
        ("text", "Grüße", "text/plain; charset=utf-8", "Grüße"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_bodies(
    ask: Ask, web: Web, method: str, form: Any, body: Any, kind: str, sent: str
) -> None:
    web.pages["/"] = echo
    said = ask(web.url(), method, form=form, body=body).json()
    assert (said["method"], said["body"]) == (method, sent)
    assert said["headers"]["content-type"] == kind


def test_own_content_type_and_empty_post(ask: Ask, web: Web) -> None:
    web.pages["/"] = echo
    said = ask(web.url(), "POST", form="text", body="<a/>", headers={"Content-Type": "text/xml"})
    assert said.json()["headers"]["content-type"] == "text/xml"
    assert ask(web.url(), "POST").json()["headers"]["content-length"] == "0"


def test_head_and_answers_without_a_body(ask: Ask, web: Web) -> None:
    web.pages["/"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    assert ask(web.url(), "HEAD").text() == ""
    web.pages["/"] = raw(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert ask(web.url()).status == 204


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"method": "CONNECT"}, RequestRefused),
        ({"method": "TRACE"}, RequestRefused),
        ({"method": "GET /x HTTP/1.1\r\nX: y\r\n\r\nGET"}, RequestRefused),
        ({"headers": {"Host": "other.example"}}, RequestRefused),
        ({"headers": {"content-length": "5"}}, RequestRefused),
        ({"headers": {"Transfer-Encoding": "chunked"}}, RequestRefused),
        ({"headers": {"Proxy-Authorization": "x"}}, RequestRefused),
        ({"headers": {"X-A": "b\r\nHost: other.example"}}, RequestRefused),
        ({"headers": {"X-A": "b\x00"}}, RequestRefused),
        ({"headers": {"X-A": "é"}}, RequestRefused),
        ({"headers": {"X A": "b"}}, RequestRefused),
        ({"headers": {"X-A\r\nHost": "b"}}, RequestRefused),
        ({"headers": {"": "b"}}, RequestRefused),
        ({"method": "POST", "form": "text", "body": "x" * (10 * 1024 * 1024 + 1)}, RequestRefused),
        ({"method": "POST", "form": "json", "body": float("nan")}, HttpError),
        ({"method": "POST", "form": "text", "body": "\ud800"}, HttpError),
    ],
)
def test_requests_that_do_not_leave(
    ask: Ask, web: Web, fields: dict[str, Any], error: type[HttpError]
) -> None:
    with pytest.raises(error):
        ask(web.url(), **fields)
    assert web.received == []


def test_the_environment_s_proxies_count_for_nothing(
    ask: Ask, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.pages["/"] = page("fine")
    with serving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert ask(web.url()).json() == "fine"
        assert proxy.connections == 0


def test_logs_show_neither_path_nor_headers(
    ask: Ask, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    web.pages["/path-canary"] = page("body-canary", X_Back="answer-canary")
    ask(web.url("/path-canary?query-canary"), headers={"X-There": "header-canary"})
    with pytest.raises(UrlRefused):
        ask("http://user-canary@example.com/")
    assert "canary" not in caplog.text


# -- names and addresses


def test_one_resolution_and_the_checked_address(ask: Ask, names: Names) -> None:
    """DNS rebinding: the second answer would lead to another server, and is never asked for."""
    with serving("127.0.0.1") as good, serving("127.0.0.2", port=good.port) as inside:
        good.pages["/"] = inside.pages["/"] = echo
        names["rebind.example"] = ["127.0.0.1", "127.0.0.2"]
        said = ask(good.url(host="rebind.example")).json()
        assert said["headers"]["host"] == f"rebind.example:{good.port}"
        with pytest.raises(AddressRefused):
            ask(good.url(host="rebind.example"))
        assert (good.connections, inside.connections) == (1, 0)


def test_every_address_is_checked_before_any_is_called(ask: Ask, names: Names, web: Web) -> None:
    names["two.example"] = ["127.0.0.1 127.0.0.2"]
    with pytest.raises(AddressRefused):
        ask(web.url(host="two.example"))
    assert web.connections == 0


def test_the_next_address_where_one_does_not_answer(ask: Ask, names: Names, web: Web) -> None:
    names["two.example"] = ["::1 127.0.0.1"]
    web.pages["/"] = page("fine")
    assert ask(web.url(host="two.example")).json() == "fine"


def test_ipv6(ask: Ask) -> None:
    with serving("::1") as web:
        web.pages["/"] = echo
        said = ask(web.url(host="[::1]")).json()
        assert said["headers"]["host"] == f"[::1]:{web.port}"


def test_names_without_an_address(ask: Ask, names: Names) -> None:
    names["none.example"] = [""]
    with pytest.raises(HostNotFound) as raised:
        ask("http://none.example/")
    assert not raised.value.permanent


@pytest.mark.timeout(60)
def test_a_resolver_that_hangs(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr("core.http.network.resolve", lambda name, port: [over.wait()])
    with pytest.raises(HttpTimeout):
        ask("http://slow.example/", timeout=0.3)
    over.set()


def test_the_real_resolver(ask: Ask) -> None:
    with pytest.raises(HostNotFound):
        ask("http://no-such-host.invalid/")


def test_nobody_listens(ask: Ask, web: Web) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionFailed) as raised:
        ask(f"http://127.0.0.1:{port}/")
    assert not raised.value.permanent


def test_default_settings_refuse_this_machine(ask: Ask, web: Web, settings: Settings) -> None:
    settings.HTTP_ALLOWED_HOSTS = ["*"]
    with pytest.raises(HostRefused):
        ask(web.url())
    settings.HTTP_ALLOWED_HOSTS = ["*:*"]
    settings.HTTP_ALLOWED_NETWORKS = []
    with pytest.raises(AddressRefused):
        ask(web.url())
    assert web.connections == 0


# -- redirects


def test_redirects_are_followed_and_checked(ask: Ask, names: Names, web: Web) -> None:
    names["other.example"] = ["127.0.0.1"]
    web.pages["/1"] = redirect("2?x=1")
    web.pages["/2"] = redirect(f"//other.example:{web.port}/3", 307)
    web.pages["/3"] = redirect(f"http://127.0.0.1:{web.port}/4", 308)
    web.pages["/4"] = echo
    answer = ask(web.url("/1"), headers={"X-Api-Key": "k", "Authorization": "a", "Accept": "b"})
    assert answer.origin == f"http://127.0.0.1:{web.port}"
    keys = [each.headers.get("x-api-key") for each in web.received]
    assert keys == ["k", "k", None, None]
    assert [each.headers.get("authorization") for each in web.received] == ["a", "a", None, None]
    assert [each.headers["accept"] for each in web.received] == ["b"] * 4
    assert web.received[2].headers["host"] == f"other.example:{web.port}"
    assert web.received[1].path == "/2?x=1"


def test_another_port_is_another_host(ask: Ask, web: Web) -> None:
    with serving() as other:
        other.pages["/"] = echo
        web.pages["/"] = redirect(other.url())
        said = ask(web.url(), headers={"Cookie": "c", "X-Key": "k", "Idempotency-Key": "i"}).json()
        assert not said["headers"].keys() & {"cookie", "x-key"}
        assert said["headers"]["idempotency-key"] == "i"


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://169.254.169.254/latest/meta-data/", AddressRefused),
        ("http://10.0.0.1/", AddressRefused),
        ("http://[::ffff:127.0.0.1]/", AddressRefused),
        ("//169.254.169.254/", AddressRefused),
        ("http://127.0.0.2/", AddressRefused),
        ("http://inside.example/", AddressRefused),
        ("http://0x7f.1/", UrlRefused),
        ("http://2130706433/", UrlRefused),
        ("http://user:x@127.0.0.1/", UrlRefused),
        ("file:///etc/passwd", UrlRefused),
        ("gopher://127.0.0.1:6379/_x", UrlRefused),
        ("http:127.0.0.1", UrlRefused),
        ("http:///127.0.0.1", UrlRefused),
        ("http://localhost/", HostRefused),
        ("\\\\127.0.0.1\\x", RedirectRefused),
        ("/\\127.0.0.1/", RedirectRefused),
        ("/a b", RedirectRefused),
        ("http://a.example\\@127.0.0.1/", UrlRefused),
    ],
)
@pytest.mark.parametrize("status", [302, 307])
def test_redirects_to_the_inside(
    ask: Ask, names: Names, web: Web, location: str, error: type[HttpError], status: int
) -> None:
    names["inside.example"] = ["10.1.2.3"]
    web.pages["/"] = redirect(location, status)
    with pytest.raises(error) as raised:
        ask(web.url())
    assert raised.value.permanent
    assert web.connections == 1


def test_redirects_without_end(ask: Ask, web: Web) -> None:
    web.pages["/"] = redirect("/")
    with pytest.raises(RedirectRefused, match="more than 5"):
        ask(web.url())
    assert web.connections == 6


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
    ],
)
def test_methods_behind_redirects(ask: Ask, web: Web, status: int, method: str, then: str) -> None:
    web.pages["/"] = redirect("/there", status)
    web.pages["/there"] = echo
    body: dict[str, Any] = {} if method == "HEAD" else {"form": "json", "body": {"a": 1}}
    ask(web.url(), method, **body)
    second = web.received[1]
    assert second.method == then
    assert second.body == (b'{"a": 1}' if then == method != "HEAD" else b"")


def test_a_body_goes_to_no_other_host(ask: Ask, web: Web) -> None:
    with serving() as other:
        web.pages["/"] = redirect(other.url(), 307)
        with pytest.raises(RedirectRefused):
            ask(web.url(), "POST", form="json", body={"card": 1})
        assert other.connections == 0


def test_a_redirect_without_a_place_is_an_answer(ask: Ask, web: Web) -> None:
    web.pages["/"] = page("here", status=302)
    answer = ask(web.url())
    assert (answer.status, answer.json()) == (302, "here")
    with pytest.raises(Rejected):
        answer.raise_for_status()


# -- size


@pytest.mark.parametrize(
    "answer",
    [
        page(b"x" * 100_001, kind="text/plain"),
        page(b"x" * 50_000_000, kind="text/plain", packed=True),
        page(zlib.compress(b"x" * 100_001), Content_Encoding="deflate"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 200_000),
        raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n" * 50_000] * 9
        ),
        raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            *[b"1;" + b"e" * 9_000 + b"\r\nx\r\n"] * 300,
        ),
        raw(*[b"HTTP/1.1 100 Continue\r\nX: " + b"y" * 9_000 + b"\r\n\r\n"] * 300),
    ],
)
def test_too_large(ask: Ask, web: Web, answer: Answer) -> None:
    web.pages["/"] = answer
    with pytest.raises(AnswerTooLarge) as raised:
        ask(web.url())
    assert raised.value.permanent


@pytest.mark.timeout(60)
def test_a_bomb_is_not_unpacked(ask: Ask, web: Web) -> None:
    """Compressed nothing, sent without an end: the client hangs up after the first bytes."""

    def bomb(received: Received, connection: socket.socket) -> None:
        packer = zlib.compressobj(9, wbits=31)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        with suppress(OSError):
            while not web.stopped.is_set():
                connection.sendall(packer.compress(b"\0" * 1_000_000))

    web.pages["/"] = bomb
    with pytest.raises(AnswerTooLarge):
        ask(web.url())


def test_exactly_as_large_as_allowed(ask: Ask, web: Web) -> None:
    web.pages["/"] = page(b"x" * 100_000, kind="text/plain", packed=True)
    assert len(ask(web.url()).text()) == 100_000


# -- time


def drip(head: bytes) -> Answer:
    """Never silent for long, never done."""

    def answer(received: Received, connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        lambda received, connection: time.sleep(3),
        drip(b"HTTP/1.1 200 OK\r\nX: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        drip(b"HTTP/1.1 302 Found\r\nLocation: /"),
    ],
)
@pytest.mark.timeout(60)
def test_slow_servers(ask: Ask, web: Web, answer: Answer) -> None:
    web.pages["/"] = answer
    with pytest.raises(HttpTimeout) as raised:
        ask(web.url(), timeout=0.5)
    assert not raised.value.permanent
    assert "0.5 s" in raised.value.message


def test_redirects_share_the_time(ask: Ask, web: Web) -> None:
    def slow(received: Received, connection: socket.socket) -> None:
        time.sleep(0.2)
        redirect("/")(received, connection)

    web.pages["/"] = slow
    with pytest.raises(HttpTimeout):
        ask(web.url(), timeout=0.5)
    assert web.connections <= 3


def test_the_deployment_s_time_is_the_longest(ask: Ask, web: Web, settings: Settings) -> None:
    settings.HTTP_TIMEOUT_SECONDS = 0.3
    web.pages["/"] = drip(b"")
    with pytest.raises(HttpTimeout, match=r"0\.3 s"):
        ask(web.url(), timeout=3600)


@pytest.mark.timeout(60)
def test_a_server_that_does_not_read(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as deaf:
        port = deaf.getsockname()[1]
        with pytest.raises(HttpTimeout):
            ask(f"http://127.0.0.1:{port}/", "POST", form="text", body="x" * 9_000_000, timeout=0.5)


# -- answers that are none


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (raw(), BadAnswer),
        (raw(b"garbage\r\n\r\n"), BadAnswer),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), BadAnswer),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), BadAnswer),
        (raw(b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n"), BadAnswer),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000), BadAnswer),
        (raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), BadAnswer),
        (page(b"xx", Content_Encoding="gzip"), BadAnswer),
        (page(b"xx", Content_Encoding="br"), BadAnswer),
        (page(b"xx", Content_Encoding="x-gzip"), BadAnswer),
        (page(b"xx", Content_Encoding="gzip, gzip"), BadAnswer),
        (lambda received, connection: reset(connection), ConnectionFailed),
    ],
)
def test_bad_answers(ask: Ask, web: Web, answer: Answer, error: type[HttpError]) -> None:
    web.pages["/"] = answer
    with pytest.raises(error) as raised:
        ask(web.url())
    assert not raised.value.permanent


def reset(connection: socket.socket) -> None:
    linger = b"\1\0\0\0\0\0\0\0"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=utf-8", "Grüße".encode(), "Grüße"),
        ('text/plain; charset="ISO-8859-1"', "Grüße".encode("latin-1"), "Grüße"),
        ("text/plain; charset=windows-1252", b"\x80", "€"),
        ("text/plain; charset=utf-16", "Grüße".encode("utf-16"), "Grüße"),
        ("text/plain", b"\xff", None),
        ("text/plain; charset=unknown", b"x", None),
        ("text/plain; charset=rot13", b"x", None),
        ("text/plain; charset=idna", b"x" * 99, None),
        ("text/plain; charset=zlib", zlib.compress(b"x"), None),
        ("text/plain; charset=unicode_escape", b"\\x41", None),
    ],
)
def test_texts(ask: Ask, web: Web, kind: str, body: bytes, text: str | None) -> None:
    web.pages["/"] = page(body, kind=kind)
    answer = ask(web.url())
    if text is None:
        with pytest.raises(BadAnswer):
            answer.text()
    else:
        assert answer.text() == text


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": 1, "a": 2}', b"[" * 100, b"NaN", b'"\\u0000"'])
def test_json_that_is_none(ask: Ask, web: Web, body: bytes) -> None:
    web.pages["/"] = page(body)
    with pytest.raises(BadAnswer):
        ask(web.url()).json()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (204, None),
        (304, Rejected),
        (400, Rejected),
        (401, Rejected),
        (404, Rejected),
        (408, Unavailable),
        (425, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_statuses(ask: Ask, web: Web, status: int, error: type[HttpError] | None) -> None:
    body = b"" if status in (204, 304) else b"no  such\n item"
    web.pages["/"] = page(body, status=status, kind="text/plain")
    answer = ask(web.url())
    if error is None:
        answer.raise_for_status()
        return
    with pytest.raises(error, match=f"status {status}") as raised:
        answer.raise_for_status()
    assert raised.value.permanent is (error is Rejected)
    assert not body or raised.value.message.endswith(": no such item")
