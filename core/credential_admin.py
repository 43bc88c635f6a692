"""Credentials in the admin: values go in and never come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from core import credentials
from core.credentials import ValueNeeded
from core.errors import InvalidInput
from core.models import Credential

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Credential]
    _Form = forms.ModelForm[Credential]
else:  # generic for the type checker only
    _Admin, _Form = admin.ModelAdmin, forms.ModelForm


class CredentialForm(_Form):
    """Takes a value, never shows one."""

    secret = forms.CharField(
        label="Value",
        strip=False,
        required=False,
        max_length=credentials.MAX_LENGTH,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "size": 60}),
        help_text="Kept encrypted and never shown. Empty: stays as it is.",
    )
    hosts = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Where it may go, one a line: api.example.com, *.example.com. Over https; plain "
        "http only where it is said: http://crm.internal. Further hosts need the value again.",
    )

    class Meta:
        model = Credential
        fields = ("organisation", "name", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["secret"].required = self.instance._state.adding
        self.initial["hosts"] = "\n".join(self.instance.hosts or ())

    def clean_hosts(self) -> list[str]:
        hosts = self.cleaned_data["hosts"].split()
        further = set(hosts) - set(self.instance.hosts or ())
        if further and not self.instance._state.adding and not self.data.get("secret"):
            raise ValidationError(ValueNeeded.default_message())
        return cast("list[str]", hosts)

    def clean(self) -> None:
        super().clean()
        given = self.cleaned_data
        try:
            credentials.check(
                name=given.get("name"), value=given.get("secret") or None, hosts=given.get("hosts")
            )
        except InvalidInput as error:
            for problem in error.problems:
                field = problem.path.partition("[")[0]
                self.add_error("secret" if field == "value" else field, problem.message)


@admin.register(Credential)
class CredentialAdmin(_Admin):
    """Credentials without their values."""

    form = CredentialForm
    list_display = ("name", "organisation", "shown_hosts", "rotated_at", "used_at")
    list_filter = ("organisation",)
    list_select_related = ("organisation",)
    search_fields = ("name", "description", "organisation__name")
    fields = (
        "organisation", "name", "secret", "hosts", "description",
        "created_by", "created_at", "updated_at", "rotated_at", "used_at",
    )  # fmt: skip
    readonly_fields = ("created_by", "created_at", "updated_at", "rotated_at", "used_at")
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        return super().get_queryset(request).defer("value")

    def get_readonly_fields(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        # Steps find it by both.
        return (*self.readonly_fields, *(("organisation", "name") if obj is not None else ()))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        given = form.cleaned_data
        if change:
            credentials.change_credential(
                credential=obj,
                value=given["secret"] or None,
                hosts=given["hosts"],
                description=given["description"],
            )
            return
        made = credentials.create_credential(
            organisation=obj.organisation,
            name=obj.name,
            value=given["secret"],
            hosts=given["hosts"],
            description=obj.description,
            created_by=request.user.get_username(),
        )
        obj.pk = made.pk

    @admin.display(description="hosts")
    def shown_hosts(self, credential: Credential) -> str:
        return ", ".join(credential.hosts)
