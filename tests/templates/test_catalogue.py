"""Loading the starter content: once, again, and over what operators made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from templates import selectors, services, starters, validation
from templates.models import WorkflowCategory, WorkflowTemplate

KEYS = ["feedback-triage", "investor-onboarding", "invoice-approval", "portfolio-risk-review"]


def loaded() -> str:
    out = StringIO()
    call_command("load_catalogue", stdout=out)
    return out.getvalue()


def outcome(**counts: int) -> services.LoadedCatalogue:
    none = {"created": 0, "updated": 0, "unchanged": 0, "kept": 0}
    return services.LoadedCatalogue(categories=7, **(none | counts))


def test_says_in_one_line_what_it_did(db: None) -> None:
    assert loaded() == (
        "Catalogue: 7 categories; templates: 4 new, 0 updated, 0 unchanged, 0 kept as changed"
        " here.\n"
    )
    assert loaded() == (
        "Catalogue: 7 categories; templates: 0 new, 0 updated, 4 unchanged, 0 kept as changed"
        " here.\n"
    )


def test_starters_are_complete(catalogue: None) -> None:
    templates = WorkflowTemplate.objects.order_by("key")
    assert [template.key for template in templates] == KEYS
    for template in templates:
        assert validation.template_problems(template) == []
        assert template.description
        assert template.sample_input
        assert template.expected["status"] == "completed"
        assert template.expected["results"]
        assert template.is_active


def test_the_sample_carries_its_data(catalogue: None) -> None:
    sample = WorkflowTemplate.objects.get(key="portfolio-risk-review").sample_input
    assert sample["prices"].startswith("symbol,date,price\nMSFT,Jan 1 2000,39.81\n")
    licence = (starters.CATALOGUE / "data" / "stocks.LICENSE.txt").read_text()
    assert "MIT License" in licence


def test_loading_again_changes_no_row(catalogue: None) -> None:
    before = list(WorkflowTemplate.objects.order_by("key").values())
    assert services.load_catalogue() == outcome(unchanged=4)
    assert list(WorkflowTemplate.objects.order_by("key").values()) == before


def test_keeps_what_operators_made(catalogue: None) -> None:
    category = WorkflowCategory.objects.create(name="Ours")
    WorkflowTemplate.objects.create(name="Own", category=category.name, template={})
    WorkflowCategory.objects.filter(name="Finance").update(description="Money", parent=category)
    assert services.load_catalogue() == replace(outcome(unchanged=4), categories=8)
    assert WorkflowTemplate.objects.get(name="Own").key is None
    finance = WorkflowCategory.objects.get(name="Finance")
    assert (finance.description, finance.parent) == ("Money", category)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Our invoices"),
        ("category", "Finance"),
        ("expected", {"status": "failed"}),
        ("sample_input", {}),
    ],
)
def test_keeps_what_operators_changed(invoice: WorkflowTemplate, field: str, value: Any) -> None:
    setattr(invoice, field, value)
    services.save_template(template=invoice) if value else invoice.save()
    assert services.load_catalogue() == outcome(unchanged=3, kept=1)
    invoice.refresh_from_db()
    assert getattr(invoice, field) == value


def test_what_nobody_changed_follows_its_file(
    invoice: WorkflowTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    WorkflowTemplate.objects.update(is_active=False, usage_count=7)
    newer = [
        replace(starter, template=starter.template | {"version": "2.0"})
        for starter in starters.read_templates()
    ]
    monkeypatch.setattr(starters, "read_templates", lambda: newer)
    assert services.load_catalogue() == outcome(updated=4)
    invoice.refresh_from_db()
    assert invoice.template["version"] == "2.0"
    assert (invoice.is_active, invoice.usage_count) == (False, 7)


def test_a_wrong_file_is_named_and_nothing_is_loaded(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, *_ = starters.read_templates()
    steps = [*bad.template["steps"][:-1], {**bad.template["steps"][-1], "step_type": "MAGIC"}]
    broken = replace(bad, template=bad.template | {"steps": steps})
    monkeypatch.setattr(starters, "read_templates", lambda: [good, broken])
    with pytest.raises(CommandError, match=r"investor-onboarding.*unknown step type 'MAGIC'"):
        loaded()
    assert not WorkflowTemplate.objects.exists()


def test_categories_are_a_tree(catalogue: None) -> None:
    nodes = selectors.flat(selectors.category_tree())
    assert [(node.category.name, node.depth) for node in nodes] == [
        ("Investing", 0),
        ("Client onboarding", 1),
        ("Portfolio analysis", 1),
        ("Operations", 0),
        ("Customer service", 1),
        ("Finance", 1),
        ("Accounts payable", 2),
    ]


@pytest.mark.parametrize(
    ("category", "keys"),
    [
        (None, KEYS),
        ("Investing", ["investor-onboarding", "portfolio-risk-review"]),
        ("Operations", ["feedback-triage", "invoice-approval"]),
        ("Finance", ["invoice-approval"]),
        ("Accounts payable", ["invoice-approval"]),
    ],
)
def test_a_category_includes_what_lies_below(
    catalogue: None, category: str | None, keys: list[str]
) -> None:
    found = selectors.get_templates(category).order_by("key")
    assert [template.key for template in found] == keys


def test_files_are_written_alike() -> None:
    for path in starters.CATALOGUE.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert text.endswith(("}\n", "]\n")), path.name
        json.loads(text)
        assert max(map(len, text.splitlines())) <= 700, path.name
