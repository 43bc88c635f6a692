"""Every change of templates and categories, and making workflows from templates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from core.errors import InvalidInput, Problem
from core.json import JsonObject
from core.models import Organisation, User
from engine import workflows
from engine.models import Workflow
from templates import starters, validation
from templates.errors import CategoryInUse, InvalidTemplate
from templates.models import WorkflowCategory, WorkflowTemplate

# Any number that nothing else locks: two processes that start together load one after the other.
_CATALOGUE_LOCK = 0x776F726B666C6F77


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedCatalogue:
    """What loading the catalogue did. `kept`: starter templates that an operator has changed."""

    categories: int
    created: int
    updated: int
    unchanged: int
    kept: int


def instantiate_template(
    *,
    template: WorkflowTemplate,
    user: User,
    organisation: Organisation | None = None,
    name: str | None = None,
    overrides: JsonObject | None = None,
) -> Workflow:
    """Makes a workflow of the user's own from the template.

    Args:
        organisation: whose it is; the user's own one where None.
        name: the workflow's name; the template's where None.
        overrides: laid over the definition as a JSON Merge Patch (RFC 7396), in which `steps` is an
            object: step id -> what changes in this step.

    Raises:
        InvalidInput: the overrides name an unknown step.
        InvalidDefinition: what comes out is not valid.
    """
    document = _overridden(template.definition(), overrides or {})
    if name is not None:
        document["name"] = name
    with transaction.atomic():
        workflow = workflows.create_workflow(
            document=document, owner=user, organisation=organisation
        )
        WorkflowTemplate.objects.filter(id=template.id).update(usage_count=F("usage_count") + 1)
    return workflow


def save_template(*, template: WorkflowTemplate) -> None:
    """Checks and saves a template. Raises InvalidTemplate with every problem."""
    if problems := validation.template_problems(template):
        raise InvalidTemplate(problems=problems)
    template.save()


def save_category(*, category: WorkflowCategory) -> None:
    """Saves a category; its templates follow it to a new name. Raises InvalidInput.

    A category cannot come to lie below itself.
    """
    with transaction.atomic():
        # All rows: two moves at once could otherwise put each below the other.
        stored = {row.id: row for row in WorkflowCategory.objects.select_for_update()}
        above = stored.get(category.parent_id) if category.parent_id else None
        while above is not None:
            if above.id == category.id:
                message = f"'{category.name}' cannot lie below itself."
                raise InvalidInput(message, problems=[Problem("parent", message)])
            above = stored.get(above.parent_id) if above.parent_id else None
        before = stored.get(category.id)
        category.save()
        if before is not None and before.name != category.name:
            WorkflowTemplate.objects.filter(category=before.name).update(category=category.name)


def delete_category(*, category: WorkflowCategory) -> None:
    """Deletes a category that is empty. Raises CategoryInUse."""
    if (
        category.children.exists()
        or WorkflowTemplate.objects.filter(category=category.name).exists()
    ):
        raise CategoryInUse(f"'{category.name}' still holds categories or templates.")
    category.delete()


def load_catalogue() -> LoadedCatalogue:
    """Brings the starter categories and templates into the database. Safe to repeat.

    Categories that exist stay as they are. A starter template follows its file until an operator
    changes it; from then on it is the operator's. Raises InvalidTemplate.
    """
    counts = dict.fromkeys(("created", "updated", "unchanged", "kept"), 0)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CATALOGUE_LOCK])
        categories = _load_categories()
        for starter in starters.read_templates():
            counts[_load_template(starter)] += 1
    return LoadedCatalogue(categories=categories, **counts)


def _load_categories() -> int:
    known = {category.name: category for category in WorkflowCategory.objects.all()}
    for starter in starters.read_categories():
        if starter.name not in known:
            known[starter.name] = WorkflowCategory.objects.create(
                name=starter.name,
                description=starter.description,
                parent=known[starter.parent] if starter.parent else None,
            )
    return len(known)


def _load_template(starter: starters.StarterTemplate) -> str:
    row = WorkflowTemplate.objects.filter(key=starter.key).first()
    digest = starters.digest(starter.content)
    if row is None:
        row, outcome = WorkflowTemplate(key=starter.key), "created"
    elif row.catalogue_digest != starters.digest(_content(row)):
        return "kept"
    elif row.catalogue_digest == digest:
        return "unchanged"
    else:
        outcome = "updated"
    for name, value in {**starter.content, "catalogue_digest": digest}.items():
        setattr(row, name, value)
    try:
        save_template(template=row)
    except InvalidTemplate as error:
        message = f"The starter template '{starter.key}' is not valid."
        raise InvalidTemplate(message, problems=error.problems) from None
    return outcome


def _content(row: WorkflowTemplate) -> JsonObject:
    return {name: getattr(row, name) for name in starters.CONTENT}


def _overridden(document: JsonObject, overrides: JsonObject) -> JsonObject:
    patch = dict(overrides)
    changes = patch.pop("steps", {})
    if not isinstance(changes, dict):
        raise InvalidInput(
            problems=[Problem("overrides.steps", "an object is expected: step id -> changes")]
        )
    known = {step["id"] for step in document["steps"]}
    if unknown := sorted(changes.keys() - known):
        raise InvalidInput(
            problems=[
                Problem(f"overrides.steps.{step_id[:80]}", "the template has no such step")
                for step_id in unknown
            ]
        )
    merged: JsonObject = _merge_patch(document, patch)
    merged["steps"] = [
        _merge_patch(step, changes.get(step["id"], {})) for step in document["steps"]
    ]
    return merged


def _merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7396: objects are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_patch(merged.get(key), change)
    return merged
