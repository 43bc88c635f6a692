"""Serializers that refuse what they do not know, at every depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class StrictFields(serializers.Serializer[Any]):
    """Refuses unknown and read-only keys, beside the ordinary errors of the other keys."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            for key in data:
                known = self.fields.get(key)
                if known is None:
                    errors[str(key)] = ["This field is not known."]
                elif known.read_only:
                    errors[str(key)] = ["This field cannot be written."]
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not errors or not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **errors}) from error
        if errors:
            raise serializers.ValidationError(errors)
        return value


class StrictSerializer(StrictFields):
    """A plain serializer that refuses unknown and read-only fields."""


class StrictModelSerializer(StrictFields, serializers.ModelSerializer[Any]):
    """A model serializer that refuses unknown and read-only fields."""
