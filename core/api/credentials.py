"""Credentials. Nothing here answers a value: it is written and used, never read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from core import credentials
from core.access import RoleTooSmall, organisation_for, organisations_for, with_role
from core.api.callers import caller
from core.api.schema import refusal
from core.api.serializers import StrictModelSerializer, StrictSerializer
from core.audit.actors import by_request
from core.audit.recording import action
from core.credentials import MAX_HOSTS, MAX_LENGTH, CredentialExists, ValueNeeded
from core.errors import InvalidInput, NotFound
from core.http.secrets import MIN_LENGTH
from core.models import Credential, Role

_VALUE = "Kept encrypted; no answer ever shows it."
_HOSTS = (
    "Where it may go, over https: `api.example.com`, `*.example.com`, `api.example.com:8443`. "
    "Plain http only where it is said: `http://crm.internal`."
)
_NEW = OpenApiExample(
    "A token of a CRM",
    value={
        "name": "crm_token",
        "value": "what the CRM gave you",
        "hosts": ["api.example.com"],
    },
    request_only=True,
)


class CredentialSerializer(StrictModelSerializer):
    """A credential, without its value."""

    organisation = serializers.UUIDField(source="organisation_id")
    hosts = serializers.ListField(child=serializers.CharField(), help_text=_HOSTS)

    class Meta:
        model = Credential
        fields = (
            "id",
            "organisation",
            "name",
            "hosts",
            "description",
            "created_by",
            "created_at",
            "updated_at",
            "rotated_at",
            "used_at",
        )
        read_only_fields = fields


# What the description can say of the rules of `core.credentials`.
_VALUE_RULES: dict[str, Any] = {
    "write_only": True,
    "trim_whitespace": False,
    "min_length": MIN_LENGTH,
    "max_length": MAX_LENGTH,
    "help_text": _VALUE,
}
_HOSTS_RULES: dict[str, Any] = {"min_length": 1, "max_length": MAX_HOSTS, "help_text": _HOSTS}


class ChangedCredentialSerializer(StrictSerializer):
    value = serializers.CharField(required=False, **_VALUE_RULES)
    hosts = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, **_HOSTS_RULES
    )
    description = serializers.CharField(max_length=2_000, allow_blank=True, required=False)


class NewCredentialSerializer(StrictSerializer):
    organisation = serializers.UUIDField(
        required=False, help_text="Whose it is; your own organisation where left out."
    )
    name = serializers.RegexField(
        "^[A-Za-z_][A-Za-z0-9_]*$", max_length=100, help_text="As in `${secrets.crm_token}`."
    )
    value = serializers.CharField(**_VALUE_RULES)
    hosts = serializers.ListField(child=serializers.CharField(max_length=300), **_HOSTS_RULES)
    description = serializers.CharField(max_length=2_000, allow_blank=True, default="")


class _CredentialView(GenericAPIView[Credential]):
    serializer_class = CredentialSerializer
    lookup_field = "id"
    lookup_url_kwarg = "credential_id"
    needs = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Role.EDITOR)

    def get_queryset(self) -> QuerySet[Credential]:
        user = caller(self)
        rows = Credential.objects.filter(organisation__in=organisations_for(user)).defer("value")
        return with_role(rows, user)


class CredentialList(_CredentialView, ListAPIView[Credential]):
    """The credentials of the organisations in which you are an editor."""

    keyset = ("name", "id")

    def get_queryset(self) -> QuerySet[Credential]:
        rows: QuerySet[Any] = super().get_queryset()
        return rows.filter(caller_role__in=Role.at_least(Role.EDITOR))

    @extend_schema(tags=["credentials"], summary="List credentials by name, without their values")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["credentials"],
        summary="Keep a secret that steps can name",
        request=NewCredentialSerializer,
        responses={201: CredentialSerializer, **refusal(InvalidInput, CredentialExists, NotFound)},
        examples=[_NEW],
    )
    def post(self, request: Request) -> Response:
        body = NewCredentialSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = dict(body.validated_data)
        user = caller(self)
        organisation = organisation_for(user, given.pop("organisation", None), needed=Role.EDITOR)
        with action(
            by_request(request), "credential.create", organisation_id=organisation.id
        ) as entry:
            made = credentials.create_credential(
                organisation=organisation, created_by=user.username, **given
            )
            entry.on(made)
            entry.tell(name=made.name, hosts=made.hosts)
        location = reverse("credential", args=[made.id], request=request)
        shown = CredentialSerializer(self.get_queryset().get(id=made.id))
        return Response(shown.data, status=201, headers={"Location": location})


class CredentialDetail(_CredentialView, RetrieveAPIView[Credential]):
    """One credential."""

    @extend_schema(
        tags=["credentials"],
        summary="Show a credential without its value",
        responses={200: CredentialSerializer, **refusal(RoleTooSmall)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        tags=["credentials"],
        summary="Replace a secret, or change its hosts",
        description="Further hosts need the value again.",
        request=ChangedCredentialSerializer,
        responses={200: CredentialSerializer, **refusal(ValueNeeded)},
    )
    def patch(self, request: Request, credential_id: UUID) -> Response:
        credential = self.get_object()
        body = ChangedCredentialSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with action(by_request(request), "credential.update", credential) as entry:
            changed = credentials.change_credential(credential=credential, **body.validated_data)
            entry.tell(changed=sorted(body.validated_data), hosts=changed.hosts)
        return Response(CredentialSerializer(changed).data)

    @extend_schema(
        tags=["credentials"],
        summary="Delete a credential",
        description="Steps that name it fail from now on.",
        responses={204: None},
    )
    def delete(self, request: Request, credential_id: UUID) -> Response:
        credential = self.get_object()
        with action(by_request(request), "credential.delete", credential, name=credential.name):
            credential.delete()
        return Response(status=204)


urlpatterns = [
    path("credentials", CredentialList.as_view(), name="credentials"),
    path("credentials/<uuid:credential_id>", CredentialDetail.as_view(), name="credential"),
]
