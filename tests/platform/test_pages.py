"""A crawl of every page that a browser is shown: each lives with the strict policy, and all that it
loads is there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, URLPattern, URLResolver, resolve, reverse

from core.models import User
from tests.platform.test_headers import check_page
from tests.support.world import World

pytestmark = pytest.mark.django_db
PAGES = ("changelist", "add", "change", "history", "delete")
# Pages of one kind that are looked at; one kind is one address of the admin's.
EACH = 4
# Not pages to look at: they answer other than HTML, change something, or lead elsewhere.
APART = {
    "admin:jsi18n": "a script",
    "admin:autocomplete": "JSON, asked by a script",
    "admin:logout": "takes POST alone",
    "admin:view_on_site": "no model has an address of its own",
    "admin:login": "leads on who is signed in; `test_signing_in` looks at it",
    "admin:workflow_engine_workflowversion_publish": "takes POST alone",
    "admin:workflow_engine_workflowversion_dismiss": "takes POST alone",
    "admin:workflow_engine_workflowexecution_resume": "for a paused run: the page of `cancel`",
    "admin:workflow_engine_workflowexecution_retry": "for a failed run: the page of `cancel`",
    "admin:password_change_done": "after a changed password",  # pragma: allowlist secret
}


class Page(HTMLParser):
    """Where a page leads, and what it loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "img", "iframe", "source") and "src" in given:
            self.loaded.append(given["src"])
        elif tag == "link" and given.get("rel") != "canonical":
            self.loaded.append(given["href"])


def names(patterns: list[Any], space: str = "") -> Iterator[str]:
    """The name of every address."""
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from names(each.url_patterns, space)
        elif isinstance(each, URLPattern) and each.name:
            yield f"admin:{each.name}"


def models() -> Iterator[tuple[str, str]]:
    """The name and the address of every page that a model has, for one of its rows."""
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("looking")
    for model, registered in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = registered.get_queryset(request).first()
        for page in PAGES:
            try:
                if page in PAGES[:2]:
                    yield f"{name}_{page}", reverse(f"{name}_{page}")
                elif row is not None:
                    yield f"{name}_{page}", reverse(f"{name}_{page}", args=[row.pk])
            except NoReverseMatch:
                continue


def crawl(browser: Client, start: list[str], seen: Counter[str], loaded: set[str]) -> None:
    """Follows every link inside, some of each kind, and checks each page."""
    waiting, known = list(start), set(start)
    while waiting:
        path = waiting.pop()
        match = resolve(urlsplit(path).path)
        if match.view_name in APART or seen[match.view_name] >= EACH:
            continue
        response: Any = browser.get(path)
        if response.status_code == 403 and path in start:
            continue  # a log: nobody adds or deletes rows of it
        if response.status_code == 302:
            waiting.append(urljoin(path, response["Location"]))
            continue
        if not response["Content-Type"].startswith("text/html"):
            continue
        seen[match.view_name] += 1
        assert response.status_code == 200, path
        check_page(response)
        page = Page(response.content.decode())
        loaded |= {urljoin(path, each) for each in page.loaded}
        for link in page.links:
            target = urljoin(path, link).partition("#")[0]
            if target.startswith("/") and not target.startswith("//") and target not in known:
                known.add(target)
                waiting.append(target)


@pytest.fixture
def browser(world: World) -> Client:
    client = Client(headers={"Accept": "text/html,*/*;q=0.8"})
    client.force_login(User.objects.create_superuser("root"))
    return client


def files_are_there(browser: Client, loaded: set[str]) -> None:
    """Each file, and those that its style sheets name, from here and from nowhere else."""
    waiting = set(loaded)
    while waiting:
        path = waiting.pop()
        assert path.startswith("/"), path
        assert not path.startswith("//"), path
        answer: Any = browser.get(path)
        assert answer.status_code == 200, path
        body = b"".join(answer) if answer.streaming else answer.content
        if answer["Content-Type"].startswith("text/css"):
            inside = re.findall(r"url\([\"']?([^)\"']+)[\"']?\)", body.decode())
            found = {urljoin(path, each) for each in inside if not each.startswith("data:")}
            waiting |= found - loaded
            loaded |= found


def test_every_page_of_the_admin(browser: Client) -> None:
    seen: Counter[str] = Counter()
    loaded: set[str] = set()
    pages = dict(models())
    crawl(browser, ["/admin/", *pages.values()], seen, loaded)
    left = set(names(admin.site.get_urls())) - set(seen) - set(APART)
    assert [name for name in left if name.rpartition("_")[2] not in PAGES] == []
    assert len(seen) > 80
    assert len(loaded) > 10
    files_are_there(browser, loaded)


def test_signing_in(client: Client) -> None:
    loaded: set[str] = set()
    response: Any = client.get("/admin/login/", headers={"Accept": "text/html"})
    check_page(response)
    loaded |= {urljoin("/admin/login/", each) for each in Page(response.content.decode()).loaded}
    files_are_there(client, loaded)


def test_documentation(browser: Client) -> None:
    response: Any = browser.get("/api/docs")
    check_page(response)
    loaded = {urljoin("/api/docs", each) for each in Page(response.content.decode()).loaded}
    assert any("swagger" in each for each in loaded)
    files_are_there(browser, loaded)
