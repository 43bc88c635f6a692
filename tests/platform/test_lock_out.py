"""Who is locked out is told so by the real web server, at the API's door and at the admin's."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
import requests

from core.models import User
from tests.support.serving import Server


@pytest.mark.usefixtures("fresh_counts")
def test_the_sixth_password_is_not_looked_at(server: Server, user: User) -> None:
    web = requests.Session()
    address = f"http://127.0.0.1:{server.port}"
    wrong: dict[str, Any] = {"username": user.username, "password": "wrong"}
    answers = [web.post(f"{address}/api/v1/auth/token", json=wrong, timeout=30) for _ in range(6)]
    assert [answer.status_code for answer in answers[:4]] == [HTTPStatus.BAD_REQUEST] * 4
    last = answers[-1]
    assert (last.status_code, last.json()["code"]) == (HTTPStatus.TOO_MANY_REQUESTS, "locked_out")
    assert int(last.headers["Retry-After"]) > 0
    assert last.headers["Cache-Control"] == "no-store"
    login = f"{address}/admin/login/"
    web.headers["Accept"] = "text/html"
    token = {"csrfmiddlewaretoken": web.get(login, timeout=30).cookies["csrftoken"]}
    page = web.post(login, data=wrong | token, headers={"Referer": login}, timeout=30)
    assert page.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert page.headers["Content-Type"].startswith("text/html")
    assert int(page.headers["Retry-After"]) > 0
