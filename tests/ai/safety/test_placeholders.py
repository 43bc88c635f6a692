"""Placeholders: one for each value, taken by nobody else, and back again however they come."""

from __future__ import annotations

import json

import pytest

from ai.safety.findings import Kind
from ai.safety.placeholders import Placeholders


def test_the_same_value_has_the_same_name() -> None:
    names = Placeholders(())
    first = names.name(Kind.EMAIL, "a@example.org")
    assert first == "[EMAIL_1]" == names.name(Kind.EMAIL, "a@example.org")
    assert names.name(Kind.EMAIL, "b@example.org") == "[EMAIL_2]"
    assert names.name(Kind.NATIONAL_ID, "1") == "[NATIONAL_ID_1]"


def test_what_the_text_holds_already_is_never_given() -> None:
    names = Placeholders(["See [EMAIL_1] and [email_2].", r"Also \[EMAIL\_3\]."])
    assert names.name(Kind.EMAIL, "a@example.org") == "[EMAIL_4]"
    assert names.restore("[EMAIL_1] [EMAIL_4]") == "[EMAIL_1] a@example.org"


@pytest.mark.parametrize(
    "written",
    [
        "[EMAIL_1]", "[email_1]", "[Email_1]", "[EMAIL 1]", "[EMAIL-1]", r"\[EMAIL\_1\]",
        r"[EMAIL\_1]", "[ EMAIL_1 ]",
    ],
)  # fmt: skip
def test_models_write_them_in_their_own_way(written: str) -> None:
    names = Placeholders(())
    names.name(Kind.EMAIL, "a@example.org")
    for around in ("{}", "**{}**", "`{}`", "_{}_", "Write to {}.", "<{}>", "- {}\n", "{}{}"):
        given = around.replace("{}", written)
        assert names.restore(given) == around.replace("{}", "a@example.org")
    assert names.restore(f"[mail]({written})") == "[mail](a@example.org)"


@pytest.mark.parametrize(
    "text", ["[EMAIL_2]", "[PHONE_1]", "[EMAIL_]", "EMAIL_1", "[EMAIL_1x]", "[NAME_1]", "[1]"]
)
def test_what_a_model_invents_stays_text(text: str) -> None:
    names = Placeholders(())
    names.name(Kind.EMAIL, "a@example.org")
    assert names.restore(text) == text


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in_again() -> None:
    names = Placeholders(())
    names.name(Kind.SECRET, "[EMAIL_1]")
    names.name(Kind.EMAIL, "a@example.org")
    assert names.restore("[SECRET_1]") == "[EMAIL_1]"


def test_data_is_restored_in_strings_and_keys() -> None:
    names = Placeholders(())
    names.name(Kind.SECRET, 'a"b\nc\\')
    names.name(Kind.NATIONAL_ID, "12")
    data = {"[SECRET_1]": ["x [NATIONAL_ID_1]", 1, None, {"k": "[secret_1]"}]}
    restored = {'a"b\nc\\': ["x 12", 1, None, {"k": 'a"b\nc\\'}]}
    assert names.restore_data(data) == restored
    assert json.loads(names.restore_json(json.dumps(data))) == restored


def test_values_are_concealed_again() -> None:
    names = Placeholders(())
    names.name(Kind.EMAIL, "a@example.org")
    names.name(Kind.EMAIL, "aa@example.org")
    assert names.conceal("'aa@example.org' is no date") == "'[EMAIL_2]' is no date"


CARD = 4111111111111111
NUMBER = {"type": "integer"}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "data", "restored"),
    [
        (NUMBER, "[CARD_1]", CARD),
        ({"type": ["number", "null"]}, "[card 1]", CARD),
        ({"type": ["number", "string"]}, "[CARD_1]", str(CARD)),
        (None, "[CARD_1]", str(CARD)),
        ({}, "[CARD_1]", str(CARD)),
        ({"properties": {"n": NUMBER}}, {"n": "[CARD_1]"}, {"n": CARD}),
        ({"properties": {"n": NUMBER}}, {"m": "[CARD_1]"}, {"m": str(CARD)}),
        ({"additionalProperties": NUMBER}, {"[CARD_1]": "[CARD_1]"}, {str(CARD): CARD}),
        ({"items": NUMBER}, ["[CARD_1]", 2], [CARD, 2]),
        ({"prefixItems": [NUMBER], "items": TEXT}, ["[CARD_1]"] * 2, [CARD, str(CARD)]),
        ({"anyOf": [NUMBER, {"type": "null"}]}, "[CARD_1]", CARD),
        ({"anyOf": [NUMBER, TEXT]}, "[CARD_1]", str(CARD)),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": NUMBER}}, "[CARD_1]", CARD),
        ({"$ref": "#"}, "[CARD_1]", str(CARD)),
        ({"$ref": "#/none"}, "[CARD_1]", str(CARD)),
        (NUMBER, "Card [CARD_1]", f"Card {CARD}"),
        (NUMBER, "[CARD_2]", "4111 1111 1111 1111"),
        (NUMBER, "[CARD_9]", "[CARD_9]"),
    ],
)  # fmt: skip
def test_a_number_comes_back_as_one_where_the_schema_takes_no_text(
    schema: object, data: object, restored: object
) -> None:
    names = Placeholders(())
    names.name(Kind.CARD, str(CARD))
    names.name(Kind.CARD, "4111 1111 1111 1111")
    assert names.restore_data(data, schema=schema) == restored


def test_a_number_comes_back_as_one_where_its_placeholder_had_no_quotes() -> None:
    names = Placeholders(())
    names.name(Kind.CARD, str(CARD))
    names.name(Kind.EMAIL, "a@example.org")
    written = r'{"a": [CARD_1], "b": "[CARD_1]", "c": "say \"[CARD_1]", "d": [[CARD_1]]}'
    quoted = json.loads(names.quoted(written))
    assert names.restore_data(quoted) == {
        "a": CARD, "b": str(CARD), "c": f'say "{CARD}', "d": [CARD],
    }  # fmt: skip
    assert json.loads(names.restore_json(written))["a"] == CARD
    for other in ('{"a": [EMAIL_1]}', '{"a": [CARD_2]}', '{"a": "', "[1]"):
        assert names.quoted(other) == other
