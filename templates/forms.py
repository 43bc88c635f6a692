"""Forms of the admin: JSON that is checked as the API checks it, with errors by step and field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from core.errors import PlatformError
from core.json import parse_json
from engine.definition import MAX_BYTES
from templates import selectors, validation
from templates.models import WorkflowCategory, WorkflowTemplate

if TYPE_CHECKING:
    _TemplateForm = forms.ModelForm[WorkflowTemplate]
    _CategoryForm = forms.ModelForm[WorkflowCategory]
else:
    # Generic for the type checker only.
    _TemplateForm = _CategoryForm = forms.ModelForm

_INDENT = "\u2003"  # an em space: browsers collapse ordinary ones


def indented(name: str, depth: int) -> str:
    """A category's name as a line of the tree."""
    return f"{_INDENT * depth}{name}"


class DocumentField(forms.CharField):
    """A JSON document, shown indented and read through the boundary parser."""

    def __init__(self, *, rows: int, **options: Any) -> None:
        style = "width: 100%; font-family: monospace"
        widget = forms.Textarea(attrs={"rows": rows, "style": style, "spellcheck": "false"})
        super().__init__(widget=widget, strip=False, **options)

    def prepare_value(self, value: Any) -> Any:
        # What could not be read is shown again as it was typed.
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        try:
            return parse_json((value or "{}").encode(), max_bytes=MAX_BYTES)
        except PlatformError as error:
            problems = [f"{p.path}: {p.message}" for p in error.problems]
            raise ValidationError(problems or [error.message]) from None

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """A document is no text: `save_template` and the form check what it says."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(data) != initial)
        except ValidationError:
            return True


class TemplateForm(_TemplateForm):
    category = forms.ChoiceField()
    template = DocumentField(
        rows=40,
        label="Definition",
        help_text="Name, description and category above count, whatever the definition says.",
    )
    sample_input = DocumentField(rows=16, required=False)
    expected = DocumentField(
        rows=16,
        required=False,
        help_text='{"status", "results", "steps": {step: status}, "answers": {step: answer}}',
    )

    class Meta:
        model = WorkflowTemplate
        fields = (
            "name", "description", "category", "is_active", "template", "sample_input", "expected",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("category")
        if isinstance(field, forms.ChoiceField):
            field.choices = [
                (node.category.name, indented(node.category.name, node.depth))
                for node in selectors.flat(selectors.category_tree())
            ]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # makes self.instance what the form says
        if self.errors:
            return
        for problem in validation.template_problems(self.instance):
            field = problem.path.partition(".")[0].partition("[")[0]
            text = f"{problem.path}: {problem.message}"
            self.add_error(field if field in self.fields else None, text)


class CategoryChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Categories as an indented list."""

    depths: dict[Any, int] = {}

    def label_from_instance(self, obj: Any) -> str:
        return indented(obj.name, self.depths.get(obj.pk, 0))


class CategoryForm(_CategoryForm):
    parent = CategoryChoice(queryset=WorkflowCategory.objects.none(), required=False)

    class Meta:
        model = WorkflowCategory
        fields = ("name", "description", "parent")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("parent")
        if not isinstance(field, CategoryChoice):
            return  # shown to somebody who may not change it
        nodes = selectors.flat(selectors.category_tree())
        own = next((node for node in nodes if node.category.pk == self.instance.pk), None)
        below = {node.category.pk for node in selectors.flat([own])} if own else set()
        allowed = [node for node in nodes if node.category.pk not in below]
        field.depths = {node.category.pk: node.depth for node in allowed}
        field.queryset = selectors.in_tree_order(allowed)
