"""Model fields that are encrypted at rest.

An instance's attribute is the plain value, decrypted at its first access and kept. What leaves
the database otherwise (`values()`, `raw` rows) is a `Sealed`, and what enters it otherwise
(`update()`) must be one, made by `seal`: the ciphertext is bound to its row's primary key, which a
query does not know. The column refuses plaintext by a CHECK.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute
from psycopg.types.json import Jsonb

from core.encryption import INSTALLATION, Owner, Place, Sealed
from core.errors import InvalidInput, Problem
from core.keys.ring import data_keys

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    # Generic for the type checker only.
    _Field = models.Field

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)

__all__ = [
    "EncryptedJSONField",
    "EncryptedTextField",
    "Sealed",
    "encrypted_field",
    "open_sealed",
    "seal",
]


class EncryptedAttribute(DeferredAttribute):
    """The attribute of an encrypted field: `__dict__` holds a Sealed until somebody looks."""

    field: EncryptedField

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        if instance is None:
            return self
        data = instance.__dict__
        name = self.field.attname
        if name not in data:
            super().__get__(instance, cls)
        value = data[name]
        if isinstance(value, Sealed):
            value = data[name] = self.field.open(instance.pk, value)
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedField(_Field):
    """What the two encrypted fields share. None is NULL and is not encrypted."""

    descriptor_class = EncryptedAttribute
    empty_strings_allowed = False

    def encode(self, value: Any) -> bytes:
        """The bytes to encrypt for a plain value."""
        raise NotImplementedError

    def decode(self, plaintext: bytes) -> Any:
        """The plain value of decrypted bytes."""
        raise NotImplementedError

    def seal(self, pk: Any, value: Any, owner: Owner = INSTALLATION) -> Sealed:
        """Encrypt a plain value for the row `pk`."""
        return self.seal_encoded(pk, self.encode(value), owner)

    def seal_encoded(self, pk: Any, plaintext: bytes, owner: Owner = INSTALLATION) -> Sealed:
        """Encrypt what `encode` gave for the row `pk`."""
        return data_keys.seal(plaintext, place=self.place(pk), owner=owner)

    def open(self, pk: Any, sealed: Sealed) -> Any:
        """Decrypt the value of the row `pk`."""
        return self.decode(data_keys.open(sealed, place=self.place(pk)))

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        data = model_instance.__dict__
        value = data[self.attname] if self.attname in data else self._load(model_instance)
        if value is None:
            return None
        if not isinstance(value, Sealed):
            return self.seal(model_instance.pk, value)
        if add:
            # A copy under a new key would carry a ciphertext that nobody could open any more.
            self.open(model_instance.pk, value)
        return value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise TypeError(
                f"{self._label()} is encrypted and a query does not know the row: pass "
                f'seal(Model, pk, "{self.name}", value), or save the instance'
            )
        value.envelope()
        return self._adapt(value)

    def _adapt(self, sealed: Sealed) -> Any:
        return sealed.text

    def _load(self, instance: models.Model) -> Any:
        getattr(instance, self.attname)
        return instance.__dict__[self.attname]

    def place(self, pk: Any) -> Place:
        if not isinstance(pk, UUID):
            primary = self.model._meta.pk
            pk = None if primary is None or pk is None else primary.to_python(pk)
        if pk is None:
            raise ValueError(
                f"{self._label()} is bound to its row's primary key, which must be set before "
                f"encrypting: give the key a client-side default such as core.ids.uuid7"
            )
        return Place(self.model._meta.db_table, str(pk), self.column or self.name)

    def _label(self) -> str:
        return f"{self.model.__name__}.{self.name}"

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else self._refuse()

    def get_transform(self, lookup_name: str) -> Any:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise FieldError(
            f"{self._label()} is encrypted: only {self.name}__isnull can be looked up in a query"
        )

    def formfield(self, *args: Any, **kwargs: Any) -> None:
        """No form edits an encrypted value by itself."""

    def value_from_object(self, obj: models.Model) -> Any:
        """The stored form, so that no serializer (`dumpdata`) exports plaintext by accident."""
        return self.pre_save(obj, False)

    def value_to_string(self, obj: models.Model) -> str:
        sealed = self.value_from_object(obj)
        return "" if sealed is None else str(sealed.text)


class EncryptedJSONField(EncryptedField):
    """A JSON value, stored in a jsonb column as its envelope."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "jsonb"

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        return f"{connection.ops.quote_name(self.column or self.name)} ? 'enc'"

    def encode(self, value: Any) -> bytes:
        try:
            return _JSON.encode(value).encode()
        except (TypeError, ValueError, RecursionError) as error:
            message = f"cannot be stored as JSON: {error}"
            raise InvalidInput(
                f"{self._label()} {message}.", problems=[Problem(self.name, message)]
            ) from error

    def decode(self, plaintext: bytes) -> Any:
        return json.loads(plaintext)

    def _adapt(self, sealed: Sealed) -> Jsonb:
        return Jsonb(sealed.text, dumps=str)


class EncryptedTextField(EncryptedField):
    """A text, stored in a TEXT column as the JSON text of its envelope."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "text"

    def db_check(self, connection: BaseDatabaseWrapper) -> str:
        column = connection.ops.quote_name(self.column or self.name)
        return f"starts_with({column}, '{{\"enc\":')"

    def encode(self, value: Any) -> bytes:
        # A lone surrogate would make the error of a failing step impossible to record.
        return str(value).encode("utf-8", errors="backslashreplace")

    def decode(self, plaintext: bytes) -> str:
        return plaintext.decode("utf-8")


def seal(
    model: type[models.Model], pk: Any, field: str, value: Any, *, owner: Owner = INSTALLATION
) -> Sealed | None:
    """Encrypt `value` for one row's field, for `QuerySet.update()` and raw SQL. None stays None.

    Args:
        owner: whose key seals it; who destroys that owner's keys destroys the value.
    """
    return None if value is None else encrypted_field(model, field).seal(pk, value, owner)


def open_sealed(model: type[models.Model], pk: Any, field: str, sealed: Sealed | None) -> Any:
    """Decrypt what `values()` gave for one row's field. None stays None."""
    return None if sealed is None else encrypted_field(model, field).open(pk, sealed)


def encrypted_field(model: type[models.Model], name: str) -> EncryptedField:
    """The encrypted field of this name. Raises TypeError where it is not one."""
    field = model._meta.get_field(name)
    if not isinstance(field, EncryptedField):
        raise TypeError(f"{model.__name__}.{name} is not an encrypted field")
    return field
