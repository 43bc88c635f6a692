from __future__ import annotations

import json
import pickle
from typing import Any
from uuid import UUID

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from core.encryption import Sealed
from core.errors import DecryptionFailed, InvalidInput, KeyUnavailable
from core.fields import EncryptedJSONField, EncryptedTextField, open_sealed, seal
from core.ids import uuid7
from tests.core.notes import Note
from tests.support.keys import LockKeys

pytestmark = pytest.mark.usefixtures("notes")

CANARY = "canary-4711"


def raw_row(pk: UUID) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM core_tests_notes WHERE id = %s", [pk])
        row = cursor.fetchone()
        assert row is not None
        return dict(zip([column.name for column in cursor.description], row, strict=True))


def lift_check() -> None:
    """Let plaintext into the columns, as an older or foreign schema would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c' "
            "AND conrelid = 'core_tests_notes'::regclass"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE core_tests_notes DROP CONSTRAINT "{name}"')


def is_sealed(note: Note, name: str) -> bool:
    return isinstance(note.__dict__[name], Sealed)


JSON_VALUES = [{"a": [1, None, "é\0"]}, {}, [], [[]], "", "text", 0, 1.5, False, {"enc": 1}]


@pytest.mark.parametrize("value", JSON_VALUES, ids=repr)
def test_json_comes_back(value: Any) -> None:
    note = Note.objects.create(content=value)
    assert Note.objects.get(pk=note.pk).content == value


@pytest.mark.parametrize("value", ["", "text", "é\0\n", '{"enc":1}', "a" * 1_000_000])
def test_text_comes_back(value: str) -> None:
    note = Note.objects.create(remark=value)
    assert Note.objects.get(pk=note.pk).remark == value


def test_the_raw_row_holds_no_plaintext() -> None:
    note = Note.objects.create(
        content={CANARY: [CANARY]}, secret=[CANARY], remark=f"Traceback: {CANARY}"
    )
    row = raw_row(note.pk)
    assert CANARY not in repr(row)
    assert {type(row[name]) for name in ("content", "secret", "remark")} == {str}
    assert json.loads(row["remark"]).keys() == {"enc", "kid", "ct"}


def test_null_stays_null_and_can_be_looked_up() -> None:
    note = Note.objects.create(content=None, secret=None, remark=None)
    row = raw_row(note.pk)
    assert (row["content"], row["secret"], row["remark"]) == (None, None, None)
    read = Note.objects.get(content__isnull=True, remark__isnull=True)
    assert (read.content, read.secret, read.remark) == (None, None, None)
    assert not Note.objects.filter(secret__isnull=False).exists()


def test_the_default_is_a_fresh_plain_value() -> None:
    first, second = Note(), Note()
    first.secret["a"] = 1
    assert second.secret == {}


def test_columns_have_the_documented_types() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = 'core_tests_notes' AND column_name IN ('content', 'remark')"
        )
        assert dict(cursor.fetchall()) == {"content": "jsonb", "remark": "text"}


def test_decryption_waits_for_the_first_access_and_happens_once() -> None:
    pk = Note.objects.create(content={"a": 1}, remark="x").pk
    note = Note.objects.get(pk=pk)
    assert is_sealed(note, "content")
    assert note.content is note.content
    assert not is_sealed(note, "content")
    assert is_sealed(note, "remark")


def test_deferred_fields_load_when_they_are_asked_for(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    pk = Note.objects.create(content={"a": 1}, remark="x").pk
    with django_assert_num_queries(3):
        note = Note.objects.defer("content", "remark").get(pk=pk)
        assert (note.content, note.remark) == ({"a": 1}, "x")
    note = Note.objects.only("title").get(pk=pk)
    note.title = "new"
    note.save()
    assert Note.objects.get(pk=pk).content == {"a": 1}


def test_refresh_shows_what_another_instance_saved() -> None:
    note = Note.objects.create(content={"a": 1}, remark="x")
    other = Note.objects.get(pk=note.pk)
    other.content, other.remark = {"a": 2}, None
    other.save()
    note.refresh_from_db()
    assert (note.content, note.remark) == ({"a": 2}, None)
    other.content = {"a": 3}
    other.save(update_fields=["content"])
    note.refresh_from_db(fields=["content"])
    assert note.content == {"a": 3}


def test_bulk_create_encrypts_each_row_for_itself() -> None:
    made = Note.objects.bulk_create([Note(content={"n": n}, remark=str(n)) for n in range(5)])
    read = Note.objects.in_bulk([note.pk for note in made])
    assert [read[note.pk].content["n"] for note in made] == list(range(5))
    assert [read[note.pk].remark for note in made] == list("01234")


def test_changes_in_place_and_by_assignment_are_encrypted_anew() -> None:
    note = Note.objects.create(content={"a": 1})
    first = raw_row(note.pk)["content"]
    note.content["a"] = 2
    note.save()
    second = raw_row(note.pk)["content"]
    note.content = {"a": 2}
    note.save()
    assert len({first, second, raw_row(note.pk)["content"]}) == 3
    assert Note.objects.get(pk=note.pk).content == {"a": 2}


def test_what_nobody_looked_at_is_written_back_as_it_was(lock_keys: LockKeys) -> None:
    pk = Note.objects.create(content={"a": 1}, remark="x").pk
    before = raw_row(pk)
    note = Note.objects.get(pk=pk)
    note.title = "new"
    lock_keys()
    note.save()  # needs no key
    after = raw_row(pk)
    assert (after["content"], after["remark"]) == (before["content"], before["remark"])
    assert after["title"] == "new"


def test_without_the_key_nothing_is_blanked(lock_keys: LockKeys) -> None:
    pk = Note.objects.create(content={"a": 1}).pk
    unlock = lock_keys()
    note = Note.objects.get(pk=pk)
    for _ in range(2):
        with pytest.raises(KeyUnavailable):
            _ = note.content
    unlock()
    assert note.content == {"a": 1}


@pytest.mark.parametrize(
    ("source", "target"),
    [(("content", 0), ("content", 1)), (("content", 0), ("secret", 0))],
    ids=["another row", "another field"],
)
def test_a_ciphertext_moved_in_the_database_fails(
    source: tuple[str, int], target: tuple[str, int]
) -> None:
    rows = [Note.objects.create(content={"n": n}, secret={"s": n}) for n in range(2)]
    moved = raw_row(rows[source[1]].pk)[source[0]]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE core_tests_notes SET {target[0]} = %s WHERE id = %s",  # noqa: S608
            [moved, rows[target[1]].pk],
        )
    with pytest.raises(DecryptionFailed, match="altered or moved"):
        getattr(Note.objects.get(pk=rows[target[1]].pk), target[0])


def test_a_copy_under_a_new_key_takes_plain_values_not_ciphertexts() -> None:
    pk = Note.objects.create(content={"a": 1}).pk
    copy = Note.objects.get(pk=pk)
    copy.pk, copy._state.adding = uuid7(), True
    with pytest.raises(DecryptionFailed), transaction.atomic():
        copy.save()
    copy = Note.objects.get(pk=pk)
    content = copy.content, copy.secret
    copy.pk, copy._state.adding = uuid7(), True
    copy.save()
    assert (Note.objects.get(pk=copy.pk).content, copy.secret) == content


def test_the_column_refuses_plaintext() -> None:
    pk = Note.objects.create().pk
    for column, value in (("content", '{"a": 1}'), ("content", "null"), ("remark", "plain")):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE core_tests_notes SET {column} = %s WHERE id = %s",  # noqa: S608
                [value, pk],
            )


@pytest.mark.parametrize(
    ("column", "value"), [("content", '{"a": 1}'), ("content", "null"), ("remark", "plain")]
)
def test_plaintext_in_a_column_is_an_error_and_not_a_value(column: str, value: str) -> None:
    lift_check()
    pk = Note.objects.create().pk
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE core_tests_notes SET {column} = %s WHERE id = %s",  # noqa: S608
            [value, pk],
        )
    note = Note.objects.get(pk=pk)
    for attempt in (lambda: getattr(note, column), note.save):
        with pytest.raises(DecryptionFailed, match="without an envelope"):
            attempt()


def test_values_give_sealed_values_that_open_for_their_row_only() -> None:
    note = Note.objects.create(content={"a": CANARY}, remark=CANARY)
    content, remark, secret = Note.objects.values_list("content", "remark", "secret").get()
    assert CANARY not in repr([content, remark, secret])
    assert open_sealed(Note, note.pk, "content", content) == {"a": CANARY}
    assert open_sealed(Note, str(note.pk).upper(), "remark", remark) == CANARY
    assert open_sealed(Note, note.pk, "content", None) is None
    with pytest.raises(DecryptionFailed):
        open_sealed(Note, uuid7(), "content", content)


def test_update_takes_sealed_values() -> None:
    note = Note.objects.create(content={"a": 1})
    Note.objects.filter(pk=note.pk).update(
        content=seal(Note, note.pk, "content", {"a": 2}),
        remark=seal(Note, str(note.pk), "remark", "x"),
        secret=seal(Note, note.pk, "secret", None),
    )
    note.refresh_from_db()
    assert (note.content, note.remark, note.secret) == ({"a": 2}, "x", None)


def test_raw_sql_takes_the_text_of_a_sealed_value() -> None:
    pk = Note.objects.create().pk
    sealed = seal(Note, pk, "content", {"a": 2})
    assert sealed is not None
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_tests_notes SET content = %s", [sealed.text])
    assert Note.objects.get(pk=pk).content == {"a": 2}
    assert open_sealed(Note, pk, "content", Sealed(raw_row(pk)["content"])) == {"a": 2}


@pytest.mark.parametrize("values", [{"content": {"a": 1}}, {"remark": "x"}, {"content": "x"}])
def test_update_refuses_plain_values(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"seal\(Model, pk"):
        Note.objects.update(**values)


def test_bulk_update_refuses_plain_values() -> None:
    note = Note.objects.create(content={"a": 1})
    note.content = {"a": 2}
    with pytest.raises(TypeError, match=r"seal\(Model, pk"):
        Note.objects.bulk_update([note], ["content"])


def test_update_refuses_a_sealed_value_without_an_envelope() -> None:
    with pytest.raises(DecryptionFailed):
        Note.objects.update(content=Sealed('{"a": 1}'))


LOOKUPS: list[dict[str, Any]] = [
    {"content": {"a": 1}},
    {"content": None},
    {"content__a": 1},
    {"content__contains": {}},
    {"content__in": []},
    {"remark": "x"},
    {"remark__icontains": "x"},
    {"remark__startswith": '{"enc"'},
]


@pytest.mark.parametrize("lookup", LOOKUPS, ids=repr)
def test_lookups_other_than_isnull_are_refused(lookup: dict[str, Any]) -> None:
    with pytest.raises(FieldError, match=r"encrypted: only .*__isnull"):
        Note.objects.filter(**lookup)


def test_a_row_without_a_primary_key_cannot_be_encrypted() -> None:
    note = Note(content={"a": 1})
    note.pk = None
    with pytest.raises(ValueError, match="primary key, which must be set"):
        Note._meta.get_field("content").pre_save(note, True)
    with pytest.raises(ValueError, match="primary key, which must be set"):
        seal(Note, None, "content", {})


@pytest.mark.parametrize(
    "value",
    [{1, 2}, float("nan"), "\ud800", {"a": object()}],
    ids=["a set", "not a number", "a lone surrogate", "an object"],
)
def test_what_is_not_json_is_refused_with_the_fields_name(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"Note\.content cannot be stored as JSON") as caught:
        Note.objects.create(content=value)
    assert caught.value.problems[0].path == "content"


def test_a_text_with_a_lone_surrogate_is_kept_escaped() -> None:
    note = Note.objects.create(remark="bad \ud800")
    assert Note.objects.get(pk=note.pk).remark == "bad \\ud800"


def test_seal_knows_encrypted_fields_only() -> None:
    with pytest.raises(TypeError, match=r"Note\.title is not an encrypted field"):
        seal(Note, uuid7(), "title", "x")


def test_exports_hold_no_plaintext() -> None:
    Note.objects.create(content={"a": CANARY}, remark=CANARY)
    assert CANARY not in serializers.serialize("json", Note.objects.all())
    assert all(field.formfield() is None for field in Note._meta.fields if field.name == "remark")


def test_sealed_values_can_be_pickled() -> None:
    pk = Note.objects.create(content={"a": CANARY}).pk
    pickled = pickle.dumps(Note.objects.values_list("content", flat=True).get())
    assert CANARY.encode() not in pickled
    assert open_sealed(Note, pk, "content", pickle.loads(pickled)) == {"a": CANARY}  # noqa: S301


def test_copying_one_column_into_another_does_not_make_it_readable() -> None:
    pk = Note.objects.create(content={"a": 1}).pk
    Note.objects.update(secret=F("content"))
    with pytest.raises(DecryptionFailed):
        _ = Note.objects.get(pk=pk).secret


@pytest.mark.parametrize("field", [EncryptedJSONField(null=True), EncryptedTextField()])
def test_migrations_name_the_field_and_its_options(field: models.Field[Any, Any]) -> None:
    text, imports = MigrationWriter.serialize(field)
    options = "null=True" if field.null else ""
    assert text == f"core.fields.{type(field).__name__}({options})"
    assert imports == {"import core.fields"}
