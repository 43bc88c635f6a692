"""Invitations: an admin asks an account into an organisation, and the account says yes or no."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from core import invitations
from core.access import RoleTooSmall, organisations_for, with_role
from core.api.callers import caller
from core.api.organisations import MemberSerializer, named_organisation
from core.api.permissions import ForEverybody
from core.api.schema import refusal
from core.api.serializers import NothingSerializer, StrictModelSerializer, StrictSerializer
from core.audit.actors import by_request
from core.audit.recording import action
from core.invitations import AlreadyInvited
from core.models import Invitation, Role
from core.organisations import AlreadyMember, PersonalOrganisation, UnknownAccount, find_account


class InvitationSerializer(StrictModelSerializer):
    """Who is asked into which organisation."""

    organisation = serializers.CharField(source="organisation.name")
    username = serializers.CharField(source="user.username")

    class Meta:
        model = Invitation
        fields = (
            "id",
            "organisation_id",
            "organisation",
            "user_id",
            "username",
            "role",
            "invited_by",
            "created_at",
        )
        read_only_fields = fields


class NewInvitationSerializer(StrictSerializer):
    account = serializers.CharField(
        max_length=254, help_text="The user name, or the e-mail address, of an account."
    )
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)


class InvitationList(ListAPIView[Invitation]):
    """The invitations of an organisation that nobody has answered."""

    queryset = Invitation.objects.none()
    serializer_class = InvitationSerializer
    needs = {"GET": Role.ADMIN}

    def get_queryset(self) -> QuerySet[Invitation]:
        return named_organisation(self).invitations.select_related("user", "organisation")

    @extend_schema(
        tags=["organisations"],
        summary="List an organisation's open invitations",
        responses={200: InvitationSerializer(many=True), **refusal(RoleTooSmall)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["organisations"],
        summary="Invite an account into an organisation",
        description="It is a member, and sees anything, when it has accepted.",
        request=NewInvitationSerializer,
        responses={
            201: InvitationSerializer,
            **refusal(UnknownAccount, AlreadyMember, AlreadyInvited, PersonalOrganisation),
        },
    )
    def post(self, request: Request, organisation_id: UUID) -> Response:
        organisation = named_organisation(self)
        body = NewInvitationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        account = find_account(body.validated_data["account"])
        role = Role(body.validated_data["role"])
        with action(
            by_request(request), "invitation.create", account, organisation_id=organisation.id
        ) as entry:
            entry.tell(role=role)
            made = invitations.invite(
                organisation=organisation, user=account, role=role, by=caller(self)
            )
        return Response(InvitationSerializer(made).data, status=201)


class InvitationDetail(GenericAPIView[Invitation]):
    """One invitation of an organisation."""

    serializer_class = InvitationSerializer
    lookup_field = "id"
    lookup_url_kwarg = "invitation_id"

    def get_queryset(self) -> QuerySet[Invitation]:
        user = caller(self)
        seen = Invitation.objects.filter(
            organisation_id=self.kwargs["organisation_id"],
            organisation__in=organisations_for(user),
        )
        return with_role(seen.select_related("user"), user)

    @extend_schema(tags=["organisations"], summary="Withdraw an invitation", responses={204: None})
    def delete(self, request: Request, organisation_id: UUID, invitation_id: UUID) -> Response:
        _end(request, self.get_object(), "invitation.withdraw")
        return Response(status=204)


class _Own(GenericAPIView[Invitation]):
    permission_classes = [ForEverybody]
    serializer_class = InvitationSerializer
    lookup_field = "id"
    lookup_url_kwarg = "invitation_id"
    # To become a member or not is more than a small token may decide.
    needs = {"POST": Role.ADMIN}

    def get_queryset(self) -> QuerySet[Invitation]:
        rows = Invitation.objects.filter(user=caller(self).pk)
        return rows.select_related("user", "organisation")

    def answered(self) -> Invitation:
        """The invitation that a request without a body answers."""
        NothingSerializer(data=self.request.data).is_valid(raise_exception=True)
        return self.get_object()


class OwnInvitations(_Own, ListAPIView[Invitation]):
    """Invitations to the caller."""

    @extend_schema(tags=["organisations"], summary="List the invitations that you have")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class AcceptInvitation(_Own):
    """Becoming a member."""

    @extend_schema(
        tags=["organisations"],
        summary="Accept an invitation",
        request=NothingSerializer,
        responses={200: MemberSerializer, **refusal(AlreadyMember)},
    )
    def post(self, request: Request, invitation_id: UUID) -> Response:
        invitation = self.answered()
        with action(
            by_request(request),
            "invitation.accept",
            invitation.user,
            organisation_id=invitation.organisation_id,
        ) as entry:
            entry.tell(role=invitation.role, invited_by=invitation.invited_by)
            member = invitations.accept(invitation)
        return Response(MemberSerializer(member).data)


class DeclineInvitation(_Own):
    """Not becoming one."""

    @extend_schema(
        tags=["organisations"],
        summary="Decline an invitation",
        request=NothingSerializer,
        responses={204: None},
    )
    def post(self, request: Request, invitation_id: UUID) -> Response:
        _end(request, self.answered(), "invitation.decline")
        return Response(status=204)


def _end(request: Request, invitation: Invitation, name: str) -> None:
    with action(
        by_request(request), name, invitation.user, organisation_id=invitation.organisation_id
    ) as entry:
        entry.tell(role=invitation.role)
        invitations.end(invitation.id)


urlpatterns = [
    path(
        "organisations/<uuid:organisation_id>/invitations",
        InvitationList.as_view(),
        name="organisation-invitations",
    ),
    path(
        "organisations/<uuid:organisation_id>/invitations/<uuid:invitation_id>",
        InvitationDetail.as_view(),
        name="organisation-invitation",
    ),
    path("invitations", OwnInvitations.as_view(), name="invitations"),
    path(
        "invitations/<uuid:invitation_id>/accept",
        AcceptInvitation.as_view(),
        name="invitation-accept",
    ),
    path(
        "invitations/<uuid:invitation_id>/decline",
        DeclineInvitation.as_view(),
        name="invitation-decline",
    ),
]
