"""What differs between two definitions, as JSON."""

from __future__ import annotations

from typing import Any, get_args

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.serializers import StrictSerializer
from engine.semantic_diff import ChangeKind


@extend_schema_field(OpenApiTypes.ANY)
class AnyField(serializers.JSONField):
    """Any JSON value."""


class ChangeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=get_args(ChangeKind))
    step = serializers.CharField(help_text="Empty: the whole definition.")
    path = serializers.CharField()
    before = AnyField(allow_null=True)
    after = AnyField(allow_null=True)
    sentence = serializers.CharField()


class AgainstSerializer(StrictSerializer):
    against = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2_147_483_647,
        help_text="Number of the version to begin with; the newest that was saved where absent.",
    )


class VersionDiffSerializer(serializers.Serializer[Any]):
    against = serializers.IntegerField(help_text="Number of the version before.")
    number = serializers.IntegerField(help_text="Number of the version after.")
    is_draft = serializers.BooleanField(help_text="Whether no run starts with the version after.")
    changes = ChangeSerializer(many=True)
