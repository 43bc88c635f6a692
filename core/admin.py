from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from axes.models import AccessAttempt
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from core import credential_admin
from core.audit import admin as audit_log
from core.models import AccessToken, Invitation, Membership, Organisation, Role, User
from core.organisations import LastAdmin, remove_member
from core.pages import ReadOnly

__all__ = [
    "AccountAdmin",
    "InvitationAdmin",
    "OrganisationAdmin",
    "RefusedSignInAdmin",
    "TokenAdmin",
    "audit_log",
    "credential_admin",
]

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Organisation]
    _UserAdmin = UserAdmin[User]
    _TokenAdmin = admin.ModelAdmin[AccessToken]
    _InvitationAdmin = admin.ModelAdmin[Invitation]
    _Inline = admin.TabularInline[Membership, Organisation]
    _Formset = forms.BaseInlineFormSet[Membership, Organisation, Any]
else:  # generic for the type checker only
    _Admin, _Inline, _Formset = admin.ModelAdmin, admin.TabularInline, forms.BaseInlineFormSet
    _UserAdmin, _TokenAdmin, _InvitationAdmin = UserAdmin, admin.ModelAdmin, admin.ModelAdmin


@admin.register(User)
class AccountAdmin(_UserAdmin):
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What deleting would take along: also the account's own organisation, which nobody may
        delete by itself.
        """
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - {Organisation._meta.verbose_name}, protected


class MembersFormset(_Formset):
    """An organisation without an active admin is refused."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data]
        left = [row for row in rows if not row.get("DELETE") and row["role"] == Role.ADMIN]
        if not any(row["user"].is_active for row in left):
            raise ValidationError(LastAdmin.default_message(), code=LastAdmin.code)


class MemberInline(_Inline):
    model = Membership
    formset = MembersFormset
    autocomplete_fields = ("user",)
    extra = 0


@admin.register(Organisation)
class OrganisationAdmin(_Admin):
    list_display = ("name", "personal", "member_count", "created_at")
    list_filter = (("personal_of", admin.EmptyFieldListFilter),)
    search_fields = ("name", "memberships__user__username")
    readonly_fields = ("personal_of", "created_at", "updated_at")
    inlines = (MemberInline,)
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        return (
            super().get_queryset(request).annotate(member_total=Count("memberships", distinct=True))
        )

    def get_inlines(self, request: HttpRequest, obj: Organisation | None) -> Any:
        # A personal organisation has the one member that it was made with.
        return () if obj is not None and obj.personal_of_id is not None else self.inlines

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for membership in formset.save(commit=False):
            membership.save()
        for membership in formset.deleted_objects:
            remove_member(membership=membership, by=cast(User, request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Organisation | None = None) -> bool:
        if obj is not None and obj.personal_of_id is not None:
            return False  # it goes with its account
        return super().has_delete_permission(request, obj)

    @admin.display(boolean=True, description="personal", ordering="personal_of")
    def personal(self, organisation: Organisation) -> bool:
        return organisation.personal_of_id is not None

    @admin.display(description="members", ordering="member_total")
    def member_count(self, organisation: Any) -> int:
        return int(organisation.member_total)


class OnlyDeleted(ReadOnly):
    """Mixin: rows that are looked at and deleted, by those who may."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        options = self.opts  # type: ignore[attr-defined]
        return request.user.has_perm(f"{options.app_label}.delete_{options.model_name}")


@admin.register(Invitation)
class InvitationAdmin(OnlyDeleted, _InvitationAdmin):
    """Invitations that nobody has answered; to delete one is to withdraw it."""

    list_display = ("account", "user", "organisation", "role", "invited_by", "created_at")
    list_select_related = ("user", "organisation")
    search_fields = ("account", "user__username", "organisation__name")
    fields = ("organisation", "account", "user", "role", "invited_by", "created_at")
    list_per_page = 50


@admin.register(AccessToken)
class TokenAdmin(OnlyDeleted, _TokenAdmin):
    """Tokens of everybody; to delete one is to revoke it."""

    list_display = ("starts_with", "user", "name", "scope", "created", "expiry", "used_at")
    list_filter = ("scope", "expiry")
    list_select_related = ("user",)
    search_fields = ("user__username", "name")
    fields = ("user", "name", "scope", "created", "expiry", "used_at")
    list_per_page = 50

    @admin.display(description="starts with")
    def starts_with(self, token: AccessToken) -> str:
        return f"{token.token_key[:9]}…"


@admin.register(AccessAttempt)
class RefusedSignInAdmin(OnlyDeleted, admin.ModelAdmin):  # type: ignore[type-arg]
    """Wrong passwords of the last quarter of an hour; to delete a row lets somebody try again."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "path_info")
    search_fields = ("username", "ip_address")
    fields = ("attempt_time", "username", "ip_address", "user_agent", "failures_since_start")
