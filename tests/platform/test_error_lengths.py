"""Errors under the real web server: what is announced is what is sent."""

from __future__ import annotations

import json
from http.client import HTTPConnection

from tests.support.serving import Server

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STYLE = "/static/admin/css/base.css"
# Method, address, headers, body; status. HTTPConnection raises where a body is shorter than it was
# announced, and the next request of the connection fails where it is longer.
ROWS: list[tuple[str, str, dict[str, str], str, int]] = [
    ("POST", "/health", FORM, "a=b", 403),
    ("POST", "/", FORM, "a=b", 403),
    ("POST", "/admin/", FORM, "a=b", 403),
    ("POST", "/admin/login/", FORM, "a=b", 403),
    ("PUT", "/metrics", {}, "", 403),
    ("DELETE", "/health/live", {}, "", 403),
    ("POST", "/api/docs", {}, "", 405),
    ("PATCH", "/api/docs", {}, "", 405),
    ("DELETE", "/api/docs", {}, "", 405),
    ("PUT", "/api/schema", {}, "", 405),
    ("GET", "/nothing", {}, "", 404),
    ("GET", "/api/v1/me", {}, "", 401),
    ("GET", STYLE, {"Range": "bytes=99999999-"}, "", 416),
    ("GET", "/health/live", {"Host": "elsewhere.example"}, "", 400),
]


def test_lengths(server: Server) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    for method, path, headers, body, status in ROWS:
        connection.request(method, path, body, {"Connection": "keep-alive", **headers})
        answer = connection.getresponse()
        sent = answer.read()
        where = f"{method} {path}: {answer.status} {sent!r}"
        assert answer.status == status, where
        assert json.loads(sent).keys() == {"code", "message", "details"}, where
        # What Django refuses before CommonMiddleware comes in chunks, without a length.
        lengths = answer.headers.get_all("Content-Length")
        assert lengths in ([str(len(sent))], None if answer.chunked else []), where
        assert answer.headers.get_all("Content-Type") == ["application/json"], where
        assert not {"Content-Encoding", "ETag"} & set(answer.headers), where
        if method == "GET":
            connection.request("HEAD", path, headers=headers)
            head = connection.getresponse()
            assert (head.status, head.read()) == (status, b""), where
            assert head.headers.get_all("Content-Length") == lengths, where
    connection.close()


def test_a_foreign_host_is_one_line_of_the_log(server: Server) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    hosts = ["elsewhere.example", "b" * 5_000 + ".example", "a b"]
    for host in hosts:
        connection.request("GET", "/health/live", headers={"Host": host})
        answer = connection.getresponse()
        assert (answer.status, answer.read() != b"") == (400, True)
    connection.close()
    log = server.log.read_text()
    lines = [line for line in log.splitlines() if "Invalid HTTP_HOST" in line]
    assert "Traceback" not in log, log
    assert len(lines) == len(hosts), log
    assert all(" WARNING " in line and len(line) < 400 for line in lines), lines
