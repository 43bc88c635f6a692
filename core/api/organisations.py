"""Organisations and their members."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from core import organisations
from core.access import organisations_for, require_role, with_role
from core.api.callers import caller
from core.api.permissions import require_scope
from core.api.schema import refusal
from core.api.serializers import StrictModelSerializer, StrictSerializer
from core.audit.actors import by_request
from core.audit.recording import action
from core.models import Membership, Organisation, Role
from core.names import one_line
from core.organisations import LastAdmin


class OrganisationSerializer(StrictModelSerializer):
    """An organisation, and what its reader is in it."""

    role = serializers.ChoiceField(
        source="caller_role", choices=Role.choices, read_only=True, help_text="Your role."
    )
    is_personal = serializers.SerializerMethodField(help_text="Your own: it has no other members.")

    class Meta:
        model = Organisation
        fields = ("id", "name", "role", "is_personal", "created_at", "updated_at")
        extra_kwargs: ClassVar = {"name": {"validators": [one_line]}}
        read_only_fields = ("id", "created_at", "updated_at")

    def get_is_personal(self, organisation: Organisation) -> bool:
        return organisation.personal_of_id is not None


class MemberSerializer(StrictModelSerializer):
    """Somebody's membership."""

    username = serializers.CharField(source="user.username")
    first_name = serializers.CharField(source="user.first_name")
    last_name = serializers.CharField(source="user.last_name")

    class Meta:
        model = Membership
        fields = ("user_id", "username", "first_name", "last_name", "role", "created_at")
        read_only_fields = fields


class ChangedMemberSerializer(StrictSerializer):
    role = serializers.ChoiceField(
        choices=Role.choices, required=False, help_text="Left as it is where absent."
    )


class _OrganisationView(GenericAPIView[Organisation]):
    serializer_class = OrganisationSerializer
    lookup_field = "id"
    lookup_url_kwarg = "organisation_id"

    def get_queryset(self) -> QuerySet[Organisation]:
        user = caller(self)
        return with_role(organisations_for(user), user, organisation="id")


class OrganisationList(_OrganisationView, ListAPIView[Organisation]):
    """The organisations that you belong to."""

    @extend_schema(tags=["organisations"], summary="List your organisations, the newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["organisations"],
        summary="Make an organisation; you are its admin",
        responses={201: OrganisationSerializer},
    )
    def post(self, request: Request) -> Response:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        with action(by_request(request), "organisation.create") as entry:
            made = organisations.create_organisation(
                name=body.validated_data["name"], founder=caller(self)
            )
            entry.on(made)
        location = reverse("organisation", args=[made.id], request=request)
        shown = self.get_serializer(self.get_queryset().get(id=made.id))
        return Response(shown.data, status=201, headers={"Location": location})


class OrganisationDetail(_OrganisationView, RetrieveAPIView[Organisation]):
    """One organisation."""

    @extend_schema(tags=["organisations"], summary="Show an organisation")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(tags=["organisations"], summary="Rename an organisation")
    def patch(self, request: Request, organisation_id: UUID) -> Response:
        organisation = self.get_object()
        body = self.get_serializer(organisation, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        if "name" in body.validated_data:
            with action(by_request(request), "organisation.rename", organisation) as entry:
                entry.tell(before=organisation.name, after=body.validated_data["name"])
                organisations.rename_organisation(
                    organisation=organisation, name=body.validated_data["name"]
                )
        return Response(self.get_serializer(self.get_object()).data)


def named_organisation(view: GenericAPIView[Any]) -> Organisation:
    """The organisation in the path, where the caller's role in it is enough."""
    user = caller(view)
    rows = with_role(organisations_for(user), user, organisation="id")
    found: Organisation = get_object_or_404(rows, id=view.kwargs["organisation_id"])
    view.check_object_permissions(view.request, found)
    return found


class MemberList(ListAPIView[Membership]):
    """The members of an organisation."""

    queryset = Membership.objects.none()
    serializer_class = MemberSerializer

    def get_queryset(self) -> QuerySet[Membership]:
        return named_organisation(self).memberships.select_related("user")

    @extend_schema(tags=["organisations"], summary="List an organisation's members")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class MemberDetail(GenericAPIView[Membership]):
    """One member of an organisation."""

    serializer_class = MemberSerializer
    lookup_field = "user_id"
    # Everybody may leave, but not by a small token; to remove others is checked below.
    needs = {"DELETE": Role.VIEWER}

    def get_queryset(self) -> QuerySet[Membership]:
        user = caller(self)
        seen = Membership.objects.filter(
            organisation_id=self.kwargs["organisation_id"],
            organisation__in=organisations_for(user),
        )
        return with_role(seen.select_related("user"), user)

    @extend_schema(
        tags=["organisations"],
        summary="Give a member another role",
        request=ChangedMemberSerializer,
        responses={200: MemberSerializer, **refusal(LastAdmin)},
    )
    def patch(self, request: Request, organisation_id: UUID, user_id: UUID) -> Response:
        membership = self.get_object()
        body = ChangedMemberSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        before = membership.role
        role = Role(body.validated_data.get("role", before))
        with action(
            by_request(request), "member.change", membership.user, organisation_id=organisation_id
        ) as entry:
            entry.tell(before=before, after=role)
            changed = organisations.change_role(membership=membership, role=role)
        return Response(MemberSerializer(changed).data)

    @extend_schema(
        tags=["organisations"],
        summary="Remove a member, or leave",
        description="To remove others asks for an admin. The member's workflows and schedules in "
        "the organisation go to the admin who removes it, or to the first other admin.",
        responses={204: None, **refusal(LastAdmin)},
    )
    def delete(self, request: Request, organisation_id: UUID, user_id: UUID) -> Response:
        require_scope(request, Role.ADMIN)
        membership, user = self.get_object(), caller(self)
        if membership.user_id != user.pk:
            require_role(membership, Role.ADMIN)
        with action(
            by_request(request), "member.remove", membership.user, organisation_id=organisation_id
        ) as entry:
            entry.tell(role=membership.role)
            organisations.remove_member(membership=membership, by=user)
        return Response(status=204)


urlpatterns = [
    path("organisations", OrganisationList.as_view(), name="organisations"),
    path("organisations/<uuid:organisation_id>", OrganisationDetail.as_view(), name="organisation"),
    path("organisations/<uuid:organisation_id>/members", MemberList.as_view(), name="members"),
    path(
        "organisations/<uuid:organisation_id>/members/<uuid:user_id>",
        MemberDetail.as_view(),
        name="member",
    ),
]
