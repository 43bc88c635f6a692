"""Headers of every answer, and pages that live with a strict content security policy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from core.models import User
from engine.models import StepExecution, Workflow, WorkflowExecution, WorkflowSchedule
from tests.support.world import World

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


class Inline(HTMLParser):
    """Everything in a page that the policy forbids a browser to run or to apply."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        data = str(given.get("type", "")).endswith("json")
        if tag == "style" or (tag == "script" and "src" not in given and not data):
            self.found.append(str(self.get_starttag_text()))
        for name, value in given.items():
            foreign = str(value or "").startswith(("http:", "https:", "//", "javascript:"))
            loads = (tag, name) in {("script", "src"), ("link", "href"), ("img", "src")}
            script = str(value or "").startswith("javascript:")
            if name == "style" or name.startswith("on") or script or (loads and foreign):
                self.found.append(f"<{tag} {name}={value!r}>")


def check(response: Any) -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";")
    )
    assert policy | STRICT == policy
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]


def check_page(response: Any) -> None:
    assert response.status_code == 200
    check(response)
    assert Inline(response.content.decode()).found == []


@pytest.mark.parametrize(
    "path",
    [
        "/", "/nothing", "/health/live", "/metrics", "/api/schema", "/api/docs", "/api/v1/me",
        "/api/v1/nothing", "/admin/login/", "/api/v1/%00", "/static/admin/css/base.css",
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_every_answer_has_them(path: str, accept: str, client: Client) -> None:
    response = client.get(path, headers={"Accept": accept})
    if "/static/" not in path:  # files are answered earlier
        check(response)


def test_documentation(client: Client) -> None:
    response = client.get("/api/docs")
    check_page(response)
    script = client.get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert b"SwaggerUIBundle" in script.content


def test_the_start_leads_to_the_admin(client: Client) -> None:
    response = client.get("/", follow=True)
    assert response.redirect_chain == [("/admin/", 302), ("/admin/login/?next=/admin/", 302)]
    check_page(response)


@pytest.fixture
def browser(world: World) -> Client:
    client = Client(headers={"Accept": "text/html"})
    client.force_login(User.objects.create_superuser("root"))
    return client


def pages() -> list[type[Model]]:
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.mark.parametrize("model", pages(), ids=lambda model: model._meta.label)
def test_pages_of_the_admin(model: type[Model], browser: Client) -> None:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    check_page(browser.get(reverse(f"{name}_changelist")))
    added = browser.get(reverse(f"{name}_add"))
    if added.status_code != 403:
        check_page(added)
    row = model._default_manager.first()
    if row is None:
        return
    check_page(browser.get(reverse(f"{name}_change", args=[row.pk])))
    for page in ("history", "delete"):
        try:
            shown = browser.get(reverse(f"{name}_{page}", args=[row.pk]))
        except NoReverseMatch:
            continue
        if shown.status_code == 200:
            check_page(shown)


def test_other_pages_of_the_admin(browser: Client) -> None:
    run = WorkflowExecution.objects.first()
    step = StepExecution.objects.filter(status="waiting").first()
    workflow = Workflow.objects.first()
    assert run
    assert step
    assert workflow
    assert WorkflowSchedule.objects.exists()
    engine = "admin:workflow_engine"
    for address in (
        reverse("admin:index"),
        reverse("admin:app_list", args=["workflow_engine"]),
        reverse("admin:password_change"),
        reverse(f"{engine}_workflow_run", args=[workflow.pk]),
        reverse(f"{engine}_workflow_version", args=[workflow.pk, 1]),
        reverse(f"{engine}_workflowexecution_events", args=[run.pk]),
        reverse(f"{engine}_workflowexecution_cancel", args=[run.pk]),
        reverse(f"{engine}_stepexecution_answer", args=[step.pk]),
    ):
        check_page(browser.get(address))


PRODUCTION = """
import json
from django.test import Client
from django.test.utils import setup_test_environment
setup_test_environment()
plain, secure = Client(), Client(headers={"X-Forwarded-Proto": "https"})
from django.conf import settings
page = secure.get("/health/live", headers={"Host": "workflows.example.org"})
away = plain.get("/health/live", headers={"Host": "workflows.example.org"})
strange = secure.get("/health/live", headers={"Host": "evil.example.org"})
print(json.dumps({
    "hsts": page["Strict-Transport-Security"], "status": page.status_code,
    "redirect": away["Location"], "strange": strange.status_code,
    "cookies": [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME],
    "flags": [settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY,
              settings.SESSION_COOKIE_SAMESITE, settings.CSRF_COOKIE_SECURE,
              settings.CSRF_COOKIE_HTTPONLY, settings.CSRF_COOKIE_SAMESITE],
}))
"""


def test_production(tmp_path: Path) -> None:
    environment = {
        **os.environ, "HTTPS": "true", "DEBUG": "false", "DATA_DIR": str(tmp_path),
        "ALLOWED_HOSTS": "workflows.example.org",
    }  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(){PRODUCTION}"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert found == {
        "hsts": "max-age=31536000; includeSubDomains; preload",
        "status": 200,
        "redirect": "https://workflows.example.org/health/live",
        "strange": 400,
        "cookies": ["__Host-sessionid", "__Host-csrftoken"],
        "flags": [True, True, "Lax", True, True, "Lax"],
    }
