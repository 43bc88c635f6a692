"""Who is signed in."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.permissions import ForEverybody
from core.api.serializers import StrictModelSerializer
from core.models import User


class Account(StrictModelSerializer):
    # Most accounts have none, and an empty text is no address.
    email = serializers.CharField(read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "first_name", "last_name", "email", "is_staff")
        read_only_fields = fields


class MeView(APIView):
    """The caller's account."""

    permission_classes = [ForEverybody]

    @extend_schema(tags=["auth"], summary="Show who is signed in", responses=Account)
    def get(self, request: Request) -> Response:
        return Response(Account(request.user).data)


urlpatterns = [path("me", MeView.as_view(), name="me")]
