"""Serializers that refuse what they do not know, at every depth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

# What each kind of field takes, and how that is called. DRF's own turn 0 into "0", "yes" into
# true and 5 into a UUID, which the API's description promises to nobody.
_KINDS: tuple[tuple[tuple[type[Any], ...], tuple[type, ...], str], ...] = (
    ((serializers.BooleanField,), (bool,), "true or false"),
    ((serializers.IntegerField, serializers.FloatField), (int, float), "a number"),
    (
        (
            serializers.CharField,
            serializers.ChoiceField,
            serializers.DateTimeField,
            serializers.DecimalField,
            serializers.UUIDField,
        ),
        (str,),
        "text",
    ),
)

# Python's Decimal also takes other scripts' digits, blanks, underscores and exponents.
_DECIMAL = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


class StrictFields(serializers.Serializer[Any]):
    """Refuses unknown and read-only keys and values of another JSON type, beside the ordinary
    errors of the other keys.
    """

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            for key in data:
                known = self.fields.get(key)
                if known is None:
                    errors[str(key)] = ["This field is not known."]
                elif known.read_only:
                    errors[str(key)] = ["This field cannot be written."]
                elif fault := _fault(known, data[key]):
                    errors[str(key)] = fault
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not errors or not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **errors}) from error
        if errors:
            raise serializers.ValidationError(errors)
        return value


def _fault(field: Any, value: Any) -> Any:
    """What is wrong with a value that DRF would take: messages, or those of a list's elements."""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        faults = {number: _fault(field.child, each) for number, each in enumerate(value)}
        return {number: fault for number, fault in faults.items() if fault}
    if wanted := _other_type(field, value):
        return [f"This must be {wanted}."]
    is_decimal = isinstance(field, serializers.DecimalField) and isinstance(value, str)
    if is_decimal and not _DECIMAL.fullmatch(value):
        return ["Write a decimal number, as in 12.50."]
    # Counted as it was sent: DRF counts after it has cut blanks off.
    longest = getattr(field, "max_length", None)
    if longest is not None and isinstance(value, str) and len(value) > longest:
        return [f"Ensure this field has no more than {longest} characters."]
    return None


def _other_type(field: Any, value: Any) -> str | None:
    """What the field takes, where the value is something else. Null is the field's own matter."""
    if value is None:
        return None
    for fields, types, name in _KINDS:
        if isinstance(field, fields):
            # In Python a flag is a number too.
            fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
            return None if fits else name
    return None


class StrictSerializer(StrictFields):
    """A plain serializer that refuses unknown and read-only fields."""


class StrictModelSerializer(StrictFields, serializers.ModelSerializer[Any]):
    """A model serializer that refuses unknown and read-only fields."""


class NothingSerializer(StrictSerializer):
    """An empty body, or an empty object."""
