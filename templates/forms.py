"""Forms of the admin: templates with errors that name step and field, categories as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from engine.admin.forms import JsonObjectField
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


class TemplateForm(_TemplateForm):
    category = forms.ChoiceField()
    template = JsonObjectField(
        max_bytes=MAX_BYTES,
        rows=40,
        label="Definition",
        help_text="Name, description and category above count, whatever the definition says.",
    )
    sample_input = JsonObjectField(max_bytes=MAX_BYTES, rows=16)
    expected = JsonObjectField(
        rows=16,
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
