"""Fields that several serializers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.json import JsonObject

if TYPE_CHECKING:
    _Field = serializers.Field[JsonObject, Any, JsonObject, Any]
else:
    _Field = serializers.Field


@extend_schema_field(OpenApiTypes.OBJECT)
class ObjectField(_Field):
    """A JSON object. The boundary parser has checked it; what it holds is another's matter."""

    default_error_messages = {"not_an_object": "This must be an object."}

    def to_internal_value(self, data: Any) -> JsonObject:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        return data

    def to_representation(self, value: JsonObject) -> JsonObject:
        return value
