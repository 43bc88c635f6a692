"""Invitations: an admin asks an account into an organisation, and the account says yes or no."""

from __future__ import annotations

from datetime import datetime
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
from core.api.throttles import CallerThrottle
from core.audit.actors import by_request
from core.audit.recording import action
from core.invitations import AlreadyInvited, InvitationVoid
from core.models import Invitation, Role
from core.organisations import AlreadyMember, PersonalOrganisation

PER_MINUTE = 20
"""How often an account may invite."""


class InvitationSerializer(StrictModelSerializer):
    """Who is asked into which organisation."""

    organisation = serializers.CharField(source="organisation.name")
    account = serializers.CharField(help_text="As the inviter wrote it; there may be none.")
    expires_at = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = (
            "id",
            "organisation_id",
            "organisation",
            "account",
            "role",
            "invited_by",
            "created_at",
            "expires_at",
        )
        read_only_fields = fields

    def get_expires_at(self, invitation: Invitation) -> datetime:
        return invitation.created_at + invitations.LASTS


class NewInvitationSerializer(StrictSerializer):
    account = serializers.CharField(
        max_length=254, help_text="The user name, or the e-mail address, of an account."
    )
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)


class InvitationThrottle(CallerThrottle):
    """Invitations by one account: nobody tries names by the thousand."""

    scope = "invitations"

    def __init__(self) -> None:
        self.per_minute = PER_MINUTE

    def subject(self, request: Request) -> str | None:
        return super().subject(request) if request.method == "POST" else None


class InvitationList(ListAPIView[Invitation]):
    """The invitations of an organisation that nobody has answered."""

    queryset = Invitation.objects.none()
    serializer_class = InvitationSerializer
    throttle_classes = [CallerThrottle, InvitationThrottle]
    needs = {"GET": Role.ADMIN}

    def get_queryset(self) -> QuerySet[Invitation]:
        rows = named_organisation(self).invitations.select_related("organisation")
        return invitations.still_open(rows)

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
        description="It is a member, and sees anything, when it has accepted, within 14 days and "
        "as long as you are an admin. The answer is the same whether or not there is such an "
        "account.",
        request=NewInvitationSerializer,
        responses={
            201: InvitationSerializer,
            **refusal(AlreadyMember, AlreadyInvited, PersonalOrganisation),
        },
    )
    def post(self, request: Request, organisation_id: UUID) -> Response:
        organisation = named_organisation(self)
        body = NewInvitationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        role = Role(body.validated_data["role"])
        with action(
            by_request(request), "invitation.create", organisation_id=organisation.id
        ) as entry:
            entry.tell(role=role)
            made = invitations.invite(
                organisation=organisation,
                account=body.validated_data["account"],
                role=role,
                by=caller(self),
            )
            entry.on(made)
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
        return with_role(seen, user)

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
        # One that is too old is found, and says so when it is accepted.
        rows = Invitation.objects.filter(user=caller(self).pk)
        return rows.select_related("user", "organisation")

    def answered(self) -> Invitation:
        """The invitation that a request without a body answers."""
        NothingSerializer(data=self.request.data).is_valid(raise_exception=True)
        return self.get_object()


class OwnInvitations(_Own, ListAPIView[Invitation]):
    """Invitations to the caller."""

    def get_queryset(self) -> QuerySet[Invitation]:
        return invitations.still_open(super().get_queryset())

    @extend_schema(tags=["organisations"], summary="List the invitations that you have")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class AcceptInvitation(_Own):
    """Becoming a member."""

    @extend_schema(
        tags=["organisations"],
        summary="Accept an invitation",
        request=NothingSerializer,
        responses={200: MemberSerializer, **refusal(AlreadyMember, InvitationVoid)},
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
        by_request(request), name, invitation, organisation_id=invitation.organisation_id
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
