from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from core.api.errors import exception_handler
from core.api.serializers import StrictModelSerializer, StrictSerializer
from tests.core.notes import Note


class Step(StrictSerializer):
    name = serializers.CharField(max_length=5)
    number = serializers.IntegerField(required=False)
    made = serializers.CharField(read_only=True)


class Plan(StrictSerializer):
    id = serializers.CharField(read_only=True)
    title = serializers.CharField()
    steps = Step(many=True, required=False)
    first = Step(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=5), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["title"] == "bad":
            raise serializers.ValidationError("The plan is bad.")
        return attrs


class NoteIn(StrictModelSerializer):
    class Meta:
        model = Note
        fields = ["id", "title"]
        read_only_fields = ["id"]


def details(serializer: serializers.Serializer[Any]) -> list[tuple[str, str]]:
    with pytest.raises(serializers.ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    response = exception_handler(caught.value, {})
    assert response.status_code == 400
    assert response.data["code"] == "invalid_input"
    return [(detail["path"], detail["message"]) for detail in response.data["details"]]


UNKNOWN, READ_ONLY = "This field is not known.", "This field cannot be written."
REQUIRED = "This field is required."
CASES: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"title": "x", "owner": 1}, [("owner", UNKNOWN)]),
    ({"title": "x", "id": "1"}, [("id", READ_ONLY)]),
    ({"title": 0}, [("title", "This must be text.")]),
    ({"title": ["x"]}, [("title", "This must be text.")]),
    (
        {"title": "x", "first": {"name": "a", "number": "5"}},
        [("first.number", "This must be a number.")],
    ),
    (
        {"title": "x", "first": {"name": "a", "number": True}},
        [("first.number", "This must be a number.")],
    ),
    ({"owner": 1}, [("title", REQUIRED), ("owner", UNKNOWN)]),
    (
        {"title": "x", "steps": [{"name": "a"}, {"name": "b", "made": "x", "kind": 1}]},
        [("steps[1].made", READ_ONLY), ("steps[1].kind", UNKNOWN)],
    ),
    ({"title": "x", "first": {"nam": 1}}, [("first.name", REQUIRED), ("first.nam", UNKNOWN)]),
    (
        {"title": "x", "steps": [{"name": "too long"}]},
        [("steps[0].name", "Ensure this field has no more than 5 characters.")],
    ),
    ({"title": "x", "steps": {}}, [("steps", 'Expected a list of items but got type "dict".')]),
    (
        {"title": "x", "tags": ["a", 0, "b", {}]},
        [("tags[1]", "This must be text."), ("tags[3]", "This must be text.")],
    ),
    (
        {"title": "x", "tags": ["a     "]},
        [("tags[0]", "Ensure this field has no more than 5 characters.")],
    ),
    ({"title": "x", "tags": "a"}, [("tags", 'Expected a list of items but got type "str".')]),
    (
        {"title": "x", "first": {"name": "  a    "}},
        [("first.name", "Ensure this field has no more than 5 characters.")],
    ),
    ({"title": "bad"}, [("", "The plan is bad.")]),
    ([], [("", "Invalid data. Expected a dictionary, but got list.")]),
    ({"title": "x", "a.b c": 1}, [('["a.b c"]', UNKNOWN)]),
]


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_faults_have_paths(data: Any, expected: list[tuple[str, str]]) -> None:
    assert details(Plan(data=data)) == expected


def test_good_input_passes() -> None:
    plan = Plan(data={"title": "x", "steps": [{"name": "a", "number": 1}]})
    assert plan.is_valid()
    assert plan.validated_data == {"title": "x", "steps": [{"name": "a", "number": 1}]}


def test_model_serializers_are_strict_too() -> None:
    assert details(NoteIn(data={"id": "x", "remark": "y"})) == [
        ("id", READ_ONLY),
        ("remark", UNKNOWN),
    ]
    assert NoteIn(data={"title": "x"}).is_valid()


class Price(StrictSerializer):
    usd = serializers.DecimalField(max_digits=14, decimal_places=4, allow_null=True)


@pytest.mark.parametrize(
    "value",
    [
        "\u0661",
        "\uff11",
        "1_0",
        " 5 ",
        "5\n",
        "1e5",
        "1E5",
        "+1",
        "",
        ".",
        "-",
        "NaN",
        "Infinity",
        "1,5",
    ],
)
def test_decimals_are_written_plainly(value: str) -> None:
    assert details(Price(data={"usd": value})) == [("usd", "Write a decimal number, as in 12.50.")]


@pytest.mark.parametrize("value", ["0", "12.5", "-3", ".5", "5.", None])
def test_plain_decimals_pass(value: str | None) -> None:
    assert Price(data={"usd": value}).is_valid()
