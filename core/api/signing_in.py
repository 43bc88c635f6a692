"""What every way of signing in with a password shares."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from core.api.serializers import StrictSerializer
from core.api.throttles import AccountThrottle, AddressThrottle


class Credentials(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1_000, trim_whitespace=False, write_only=True)


class SignInView(APIView):
    """A view whose POST signs in: open to all, with few attempts."""

    def get_authenticators(self) -> Any:
        # A session that happens to be there must not decide.
        return [] if self._signs_in() else super().get_authenticators()

    def get_permissions(self) -> Any:
        return [AllowAny()] if self._signs_in() else super().get_permissions()

    def get_throttles(self) -> list[BaseThrottle]:
        return (
            [AddressThrottle(), AccountThrottle()] if self._signs_in() else super().get_throttles()
        )

    def _signs_in(self) -> bool:
        request: Request | None = self.request
        return request is not None and request.method == "POST"
