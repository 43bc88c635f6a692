"""Credentials: kept, changed, used; their values come out nowhere but in a request."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from core import credentials
from core.credentials import (
    CredentialExists,
    ValueNeeded,
    change_credential,
    create_credential,
    find,
    unknown_names,
)
from core.encryption import Sealed
from core.errors import DecryptionFailed, InvalidInput
from core.http.secrets import UnknownSecret
from core.models import AuditEntry, Credential, Organisation
from core.organisations import personal_organisation
from tests.support.cast import Cast, Member

VALUE = "s3cret-canary/+= 'ü'"
OTHER = "an0ther-canary-value"


@pytest.fixture
def organisation(cast: Cast) -> Organisation:
    return personal_organisation(cast.owner.user)


@pytest.fixture
def kept(organisation: Organisation) -> Credential:
    return create_credential(
        organisation=organisation,
        name="crm",
        value=VALUE,
        hosts=["crm.example", "http://inside.example:8080"],
        created_by="owner",
    )


def ask(member: Member, method: str, path: str = "", body: Any = None) -> Any:
    return member.api.generic(
        method,
        f"/api/v1/credentials{path}",
        "" if body is None else json.dumps(body),
        content_type="application/json",
    )


def test_find_gives_the_value_and_marks_it_used(kept: Credential) -> None:
    assert kept.used_at is None
    secret = find(kept.organisation_id, "crm")
    assert secret.value == VALUE
    assert [pattern.host for pattern in secret.hosts] == ["crm.example", "inside.example"]
    kept.refresh_from_db()
    assert kept.used_at is not None
    used = kept.used_at
    find(kept.organisation_id, "crm")
    kept.refresh_from_db()
    assert kept.used_at == used  # to the minute: no write for every call
    Credential.objects.update(used_at=timezone.now() - timedelta(minutes=2))
    find(kept.organisation_id, "crm")
    kept.refresh_from_db()
    assert kept.used_at > used


def test_of_its_organisation_only(kept: Credential, cast: Cast) -> None:
    other = personal_organisation(cast.outsider.user)
    with pytest.raises(UnknownSecret):
        find(other.id, "crm")
    with pytest.raises(UnknownSecret):
        find(kept.organisation_id, "CRM")
    assert unknown_names(other.id, ["crm"]) == {"crm"}
    assert unknown_names(kept.organisation_id, ["crm", "x"]) == {"x"}


def test_sealed_under_the_organisation_s_key(kept: Credential) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM workflow_credentials")
        [(stored,)] = cursor.fetchall()
        kid = Sealed(stored).envelope()["kid"]
        cursor.execute("SELECT owner_kind, owner_id FROM workflow_data_keys WHERE kid = %s", [kid])
        assert cursor.fetchall() == [("organisation", kept.organisation_id)]
    assert VALUE not in stored
    assert VALUE not in serializers.serialize("json", Credential.objects.all())


def test_a_moved_ciphertext_fails(kept: Credential) -> None:
    create_credential(organisation=kept.organisation, name="b", value=OTHER, hosts=["evil.example"])
    sealed = Credential.objects.filter(name="crm").values_list("value", flat=True).get()
    Credential.objects.filter(name="b").update(value=sealed)
    with pytest.raises(DecryptionFailed):
        find(kept.organisation_id, "b")


def test_a_name_once(kept: Credential) -> None:
    with pytest.raises(CredentialExists), transaction.atomic():
        create_credential(
            organisation=kept.organisation, name="crm", value=OTHER, hosts=["a.example"]
        )
    assert find(kept.organisation_id, "crm").value == VALUE


def test_replaced(kept: Credential) -> None:
    changed = change_credential(credential=kept, value=OTHER)
    assert changed.rotated_at > kept.rotated_at
    assert changed.hosts == kept.hosts
    assert find(kept.organisation_id, "crm").value == OTHER
    again = change_credential(credential=kept, description="New")
    assert again.rotated_at == changed.rotated_at
    assert find(kept.organisation_id, "crm").value == OTHER


def test_further_hosts_need_the_value(kept: Credential) -> None:
    """Else an editor could send a secret to a server of their own."""
    for hosts in (["evil.example"], [*kept.hosts, "evil.example"], ["http://crm.example"]):
        with pytest.raises(ValueNeeded):
            change_credential(credential=kept, hosts=hosts)
    assert change_credential(credential=kept, hosts=["crm.example"]).hosts == ["crm.example"]
    both = change_credential(credential=kept, hosts=["new.example"], value=OTHER)
    assert both.hosts == ["new.example"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "1a"}, "name"),
        ({"name": "é"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"value": ""}, "value"),
        ({"value": "short"}, "value"),
        ({"value": "  short  "}, "value"),
        ({"value": "x" * 10_001}, "value"),
        ({"value": "with\0NUL-inside"}, "value"),
        ({"value": "with\ud800surrogate"}, "value"),
        ({"hosts": []}, "hosts"),
        ({"hosts": ["a.example"] * 21}, "hosts"),
        ({"hosts": ["*"]}, "hosts[0]"),
        ({"hosts": ["a.example", "*:443"]}, "hosts[1]"),
        ({"hosts": ["https://a.example/path"]}, "hosts[0]"),
        ({"hosts": ["user@a.example"]}, "hosts[0]"),
        ({"hosts": [""]}, "hosts[0]"),
        *(
            ({"hosts": ["a.example", host]}, "hosts[1]")
            for host in (
                *(
                    "*.com",
                    "*.co.uk",
                    "*.github.io",
                    "https://*.COM:443",
                    "*.internal",
                    "*.xn--p1ai",
                ),
                *("localhost", "http://localhost:8080", "db.localhost", "*.localhost"),
                *("127.0.0.1", "10.1.2.3:5432", "192.168.0.1", "169.254.169.254", "0.1.2.3"),
                *("[::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[fd00::1]", "100.64.0.1"),
                *("127.1", "2130706433", "0x7f.1", "*.0.0.1", "-a.example", "a..example"),
            )
        ),
    ],
)
def test_what_is_none(given: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        credentials.check(**given)
    assert [each.path for each in raised.value.problems] == [path]
    if "value" in given and given["value"].strip():
        assert given["value"] not in str(raised.value) + str(raised.value.problems)


@pytest.mark.parametrize(
    "host",
    [
        *("*.example.com", "*.api.example.co.uk", "api.example.com:8443", "http://crm.internal"),
        *("93.184.216.34", "[2606:2800:220:1::1]", "crm", "*.shop.github.io"),
    ],
)
def test_hosts_that_are_taken(host: str) -> None:
    credentials.check(hosts=[host])


def test_inside_hosts_where_the_deployment_opens_them(settings: Settings) -> None:
    inside = ["10.20.0.5", "http://localhost:8080"]
    with pytest.raises(InvalidInput) as raised:
        credentials.check(hosts=inside)
    assert [each.path for each in raised.value.problems] == ["hosts[0]", "hosts[1]"]
    settings.HTTP_ALLOWED_NETWORKS = ["10.20.0.0/16", "127.0.0.0/8"]
    credentials.check(hosts=inside)
    with pytest.raises(InvalidInput):
        credentials.check(hosts=["169.254.169.254"])


# -- API


def test_api(cast: Cast) -> None:
    made = ask(
        cast.owner,
        "POST",
        body={"name": "crm", "value": VALUE, "hosts": ["crm.example"], "description": "CRM"},
    )
    assert made.status_code == 201, made.content
    shown = made.json()
    assert shown["name"] == "crm"
    assert shown["hosts"] == ["crm.example"]
    assert shown["created_by"] == "owner"
    assert shown["used_at"] is None
    assert "value" not in shown
    path = f"/{shown['id']}"
    assert made["Location"].endswith(f"/credentials{path}")
    assert ask(cast.owner, "GET").json()["results"] == [shown]
    assert ask(cast.owner, "GET", path).json() == shown

    patched = ask(cast.owner, "PATCH", path, {"value": OTHER, "hosts": ["a.example"]})
    assert patched.status_code == 200
    assert patched.json()["hosts"] == ["a.example"]
    assert patched.json()["rotated_at"] > shown["rotated_at"]
    assert find(Organisation.objects.get(id=shown["organisation"]).id, "crm").value == OTHER

    assert ask(cast.owner, "DELETE", path).status_code == 204
    assert ask(cast.owner, "GET", path).status_code == 404
    assert not Credential.objects.exists()
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert [each for each in actions if each.startswith("credential.")] == [
        "credential.create",
        "credential.update",
        "credential.delete",
    ]
    told = json.dumps(list(AuditEntry.objects.values_list("details", flat=True)))
    assert VALUE not in told
    assert OTHER not in told


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"name": "a b", "value": VALUE, "hosts": ["a.example"]}, 400, "name"),
        ({"name": "a", "value": "short", "hosts": ["a.example"]}, 400, "value"),
        ({"name": "a", "value": VALUE, "hosts": ["*"]}, 400, "hosts[0]"),
        ({"name": "a", "value": VALUE, "hosts": "a.example"}, 400, "hosts"),
        ({"name": "a", "value": {"x": VALUE}, "hosts": ["a.example"]}, 400, "value"),
        ({"name": "a", "hosts": ["a.example"]}, 400, "value"),
        ({"name": "crm", "value": VALUE, "hosts": ["a.example"]}, 409, None),
    ],
)
def test_api_refusals(
    cast: Cast, kept: Credential, body: dict[str, Any], status: int, path: str | None
) -> None:
    answer = ask(cast.owner, "POST", body=body)
    assert answer.status_code == status, answer.content
    assert path is None or path in [each["path"] for each in answer.json()["details"]]
    assert VALUE not in answer.content.decode()
    assert Credential.objects.count() == 1


def test_api_further_hosts(cast: Cast, kept: Credential) -> None:
    answer = ask(cast.owner, "PATCH", f"/{kept.id}", {"hosts": ["evil.example"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "credential_value_needed")
    assert ask(cast.outsider, "PATCH", f"/{kept.id}", {"hosts": []}).status_code == 404
    assert ask(cast.outsider, "GET").json()["results"] == []


# -- admin


def test_admin_shows_and_takes_no_value(cast: Cast, kept: Credential, admin_client: Any) -> None:
    base = "/admin/workflow_core/credential/"
    page = admin_client.get(f"{base}{kept.id}/change/")
    assert page.status_code == 200
    assert "crm.example" in page.content.decode()
    assert VALUE not in page.content.decode()
    assert admin_client.get(base).status_code == 200

    sent = {"description": "d", "hosts": "crm.example", "secret": ""}
    assert admin_client.post(f"{base}{kept.id}/change/", sent).status_code == 302
    kept.refresh_from_db()
    assert (kept.hosts, kept.description) == (["crm.example"], "d")
    assert find(kept.organisation_id, "crm").value == VALUE

    refused = admin_client.post(f"{base}{kept.id}/change/", {**sent, "hosts": "evil.example"})
    assert "Give the value again" in refused.content.decode()
    admin_client.post(f"{base}{kept.id}/change/", {**sent, "secret": OTHER, "hosts": "b.example"})
    assert find(kept.organisation_id, "crm").value == OTHER

    wrong = admin_client.post(f"{base}{kept.id}/change/", {**sent, "secret": "canary"})
    assert "8 to 10,000" in wrong.content.decode()
    assert "canary" not in wrong.content.decode()

    new = {**sent, "organisation": str(kept.organisation_id), "name": "made", "secret": VALUE}
    added = admin_client.post(f"{base}add/", new)
    assert added.status_code == 302, added.content.decode()
    made = Credential.objects.get(name="made")
    assert find(kept.organisation_id, "made").value == VALUE
    assert made.created_by == "admin"
    history = admin_client.get(f"{base}{made.id}/history/").content.decode()
    assert VALUE not in history
