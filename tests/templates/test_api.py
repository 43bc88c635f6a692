from __future__ import annotations

from typing import Any

import pytest

from core.ids import uuid7
from engine.models import Workflow
from templates.models import WorkflowTemplate
from tests.support.cast import Cast

ROLES = ("owner", "team_mate", "outsider", "operator")


def test_everybody_signed_in_sees_the_catalogue(cast: Cast, invoice: WorkflowTemplate) -> None:
    addresses = [
        "/api/v1/workflows/templates",
        f"/api/v1/workflows/templates/{invoice.id}",
        "/api/v1/workflows/categories",
    ]
    for address in addresses:
        for role in ROLES:
            assert cast.client(role).get(address).status_code == 200, (role, address)
        assert cast.anonymous.get(address).status_code == 401, address
    answer = cast.anonymous.post(f"/api/v1/workflows/templates/{invoice.id}/instantiate")
    assert answer.status_code == 401


def names(answer: Any) -> list[str]:
    return [template["name"] for template in answer.json()["results"]]


def test_templates_are_listed_by_name_and_by_category(cast: Cast, catalogue: None) -> None:
    api = cast.outsider.api
    assert names(api.get("/api/v1/workflows/templates")) == [
        "Customer feedback triage",
        "Investor onboarding",
        "Invoice approval",
        "Portfolio risk review",
    ]
    answer = api.get("/api/v1/workflows/templates", {"category": "Investing"})
    assert names(answer) == ["Investor onboarding", "Portfolio risk review"]
    assert set(answer.json()["results"][0]) == {
        "id", "key", "name", "description", "category", "ai_generated", "usage_count",
        "created_at",
    }  # fmt: skip


def test_the_list_has_pages(cast: Cast, catalogue: None) -> None:
    api = cast.outsider.api
    first = api.get("/api/v1/workflows/templates", {"page_size": 3}).json()
    second = api.get(first["next"])
    assert len(first["results"]) == 3
    assert names(second) == ["Portfolio risk review"]
    assert second.json()["next"] is None


@pytest.mark.parametrize(
    ("query", "path"), [({"category": "Nowhere"}, "category"), ({"categroy": "x"}, "categroy")]
)
def test_wrong_filters_are_refused(
    cast: Cast, catalogue: None, query: dict[str, str], path: str
) -> None:
    answer = cast.outsider.api.get("/api/v1/workflows/templates", query)
    assert answer.status_code == 400
    assert [detail["path"] for detail in answer.json()["details"]] == [path]


def test_a_template_shows_its_sample(cast: Cast, invoice: WorkflowTemplate) -> None:
    shown = cast.outsider.api.get(f"/api/v1/workflows/templates/{invoice.id}").json()
    assert shown["key"] == "invoice-approval"
    assert shown["template"]["steps"][0]["id"] == "invoice"
    assert shown["sample_input"] == invoice.sample_input
    assert shown["expected"]["results"]["outcome"] == "approved"


def test_what_is_switched_off_is_not_there(cast: Cast, invoice: WorkflowTemplate) -> None:
    WorkflowTemplate.objects.filter(id=invoice.id).update(is_active=False)
    api = cast.outsider.api
    address = f"/api/v1/workflows/templates/{invoice.id}"
    assert "Invoice approval" not in names(api.get("/api/v1/workflows/templates"))
    assert api.get(address).status_code == 404
    assert api.post(f"{address}/instantiate").status_code == 404
    assert api.get(f"/api/v1/workflows/templates/{uuid7()}").status_code == 404


def test_categories_are_a_tree(cast: Cast, catalogue: None) -> None:
    tree = cast.outsider.api.get("/api/v1/workflows/categories").json()
    assert [node["name"] for node in tree] == ["Investing", "Operations"]
    finance = tree[1]["children"][1]
    assert finance["name"] == "Finance"
    assert [child["name"] for child in finance["children"]] == ["Accounts payable"]
    assert finance["children"][0]["children"] == []
    assert set(finance) == {"id", "name", "description", "children"}


def test_instantiating(cast: Cast, invoice: WorkflowTemplate) -> None:
    address = f"/api/v1/workflows/templates/{invoice.id}/instantiate"
    body = {"name": "Mine", "overrides": {"steps": {"manager": {"name": "I approve"}}}}
    answer = cast.outsider.api.post(address, body, format="json")
    assert answer.status_code == 201
    made = answer.json()
    workflow = Workflow.objects.get(id=made["id"])
    assert (workflow.owner, workflow.is_shared) == (cast.outsider.user, False)
    assert (made["name"], made["definition"]["steps"][4]["name"]) == ("Mine", "I approve")
    assert answer.headers["Location"].endswith(f"/api/v1/workflows/{workflow.id}")
    assert cast.outsider.api.get(answer.headers["Location"]).status_code == 200
    assert cast.owner.api.get(answer.headers["Location"]).status_code == 404


def test_instantiating_as_it_is(cast: Cast, invoice: WorkflowTemplate) -> None:
    address = f"/api/v1/workflows/templates/{invoice.id}/instantiate"
    answer = cast.outsider.api.post(address, {}, format="json")
    assert (answer.status_code, answer.json()["name"]) == (201, "Invoice approval")


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"nmae": "x"}, "invalid_input", "nmae"),
        ({"name": ""}, "invalid_input", "name"),
        ({"name": "x" * 256}, "invalid_input", "name"),
        ({"overrides": []}, "invalid_input", "overrides"),
        ({"overrides": {"steps": {"boss": {}}}}, "invalid_input", "overrides.steps.boss"),
        (
            {"overrides": {"steps": {"route": {"dependencies": ["route"]}}}},
            "invalid_definition",
            "steps[3].dependencies[0]",
        ),
    ],
)
def test_instantiating_with_wrong_input(
    cast: Cast, invoice: WorkflowTemplate, body: Any, code: str, path: str
) -> None:
    address = f"/api/v1/workflows/templates/{invoice.id}/instantiate"
    answer = cast.outsider.api.post(address, body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["details"][0]["path"] == path
