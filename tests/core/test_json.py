from __future__ import annotations

import json
import math
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput, TooLarge
from core.json import check_json, format_path, parse_json

DEEP = 100_000


def nested(depth: int, opening: str = "[", closing: str = "]", inner: str = "") -> bytes:
    return (opening * depth + inner + closing * depth).encode()


ACCEPTED: dict[str, tuple[bytes, Any]] = {
    "empty object": (b"{}", {}),
    "scalars": (b'[null, true, -1.5e3, "\xc3\xa9"]', [None, True, -1500.0, "é"]),
    "the largest integer": (b"[9007199254740992, -9007199254740992]", [2**53, -(2**53)]),
    "64 levels": (nested(64), json.loads(nested(64))),
    "brackets in strings are no levels": (b'["' + b"[" * 500 + b'"]', ["[" * 500]),
    "escaped quotes": (rb'["\"[[[", "\\", "[\\\"["]', ['"[[[', "\\", '[\\"[']),
    "a surrogate pair": (rb'"\ud83d\ude00"', "\U0001f600"),
    "same key in different objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
}


@pytest.mark.parametrize(("raw", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(raw: bytes, value: Any) -> None:
    assert parse_json(raw, max_bytes=10_000) == value


REFUSED: dict[str, tuple[bytes, str, str]] = {
    # raw, path of the first problem, part of the message
    "65 levels": (nested(65), "", "nested deeper than 64"),
    "deep arrays": (nested(DEEP), "", "nested deeper than 64"),
    "deep and never closed": (b"[" * DEEP, "", "nested deeper than 64"),
    "deep objects": (nested(DEEP, '{"a":', "}", "1"), "", "nested deeper than 64"),
    "duplicate key": (b'{"steps": [{"id": 1, "id": 2}]}', "steps[0].id", "duplicate key"),
    "duplicate key by escape": (rb'{"a": 1, "\u0061": 2}', "a", "duplicate key"),
    "NUL": (rb'{"a": ["x", "\u0000"]}', "a[1]", "NUL"),
    "raw NUL": (b'"\x00"', "", "not JSON"),
    "lone high surrogate": (rb'{"a b": "\ud800x"}', '["a b"]', "lone surrogate"),
    "lone low surrogate in a key": (rb'{"\udc00": 1}', r'["\udc00"]', "in its key"),
    "surrogate in UTF-8 form": (b'"\xed\xa0\x80"', "", "not UTF-8"),
    "NaN": (b'{"a": NaN}', "a", "NaN"),
    "Infinity": (b"[Infinity]", "[0]", "Infinity"),
    "-Infinity": (b"[0, -Infinity]", "[1]", "-Infinity"),
    "a number that overflows": (b'{"a": {"b": 1e999}}', "a.b", "finite"),
    "2^53 + 1": (b"[9007199254740993]", "[0]", "2^53"),
    "-2^53 - 1": (b"[-9007199254740993]", "[0]", "2^53"),
    "an integer of 100,000 digits": (b"[" + b"9" * DEEP + b"]", "[0]", "2^53"),
    "nothing": (b"", "", "line 1, column 1"),
    "two documents": (b"{} {}", "", "not JSON"),
    "trailing comma": (b"[1,]", "", "not JSON"),
    "single quotes": (b"{'a': 1}", "", "not JSON"),
    "unclosed string with brackets": (b'["' + b"[" * 40, "", "not JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "", "not UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "", "not JSON"),
}


@pytest.mark.parametrize(("raw", "path", "message"), REFUSED.values(), ids=REFUSED)
def test_refused(raw: bytes, path: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(raw, max_bytes=10_000_000)
    assert message in caught.value.message
    assert caught.value.problems[0].path == path if caught.value.problems else path == ""
    caught.value.message.encode()  # sendable


def test_bytes_are_counted_before_anything_is_parsed() -> None:
    assert parse_json(b"[1]", max_bytes=3) == [1]
    with pytest.raises(TooLarge, match="larger than 2 bytes"):
        parse_json(b"[1]", max_bytes=2)


def test_several_problems_are_told_at_once_and_no_more_than_twenty() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(b"[NaN, {" + b'"a": NaN, ' * 2 + b'"b": 1e999}]')
    assert [problem.path for problem in caught.value.problems] == ["[0]", "[1].a", "[1].b"]
    with pytest.raises(InvalidInput) as caught:
        parse_json(b"[" + b"NaN," * 100 + b"1]")
    assert len(caught.value.problems) == 20


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + rb"\"" * 500_000,  # never closed
        b'["' + rb"\\" * 500_000 + b'"]',
        b"[" + b'"",' * 400_000 + b'""]',
        b"[" + b"[]," * 400_000 + b"[]]",
        b"[" + b"0," * 600_000 + b"0]",
        b"1" * 1_000_000 + b".5",
    ],
    ids=["escaped quotes", "backslashes", "strings", "arrays", "numbers", "digits"],
)
@pytest.mark.timeout(60)
def test_the_worst_megabyte_comes_to_an_end(raw: bytes) -> None:
    with suppress(InvalidInput):
        parse_json(raw, max_bytes=2_000_000)


def test_a_deep_document_needs_no_stack() -> None:
    # A thread with the smallest stack would crash, not raise, if anything recursed.
    outcome: list[type[Exception]] = []

    def parse() -> None:
        try:
            parse_json(nested(DEEP), max_bytes=1_000_000)
        except InvalidInput as error:
            outcome.append(type(error))

    former = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=parse)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(former)
    assert outcome == [InvalidInput]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda children: st.lists(children) | st.dictionaries(st.text("ab[{\"\\'é"), children),
    max_leaves=30,
)


@given(json_values, st.booleans())
def test_what_python_writes_is_read_back(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse_json(raw) == value


def deep_list(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


PYTHON_REFUSED: dict[str, tuple[Any, str, str]] = {
    "a set": ({"a": {1}}, "a", "not a JSON value but set"),
    "bytes": ([b"x"], "[0]", "bytes"),
    "a key that is no text": ({"a": {1: 2}}, "a", "not text but int"),
    "infinity": ({"a": math.inf}, "a", "finite"),
    "NUL": ({"a": "\0"}, "a", "NUL"),
    "too deep": (deep_list(DEEP), "[0]" * 64, "deeper than 64"),
}


@pytest.mark.parametrize(("value", "path", "message"), PYTHON_REFUSED.values(), ids=PYTHON_REFUSED)
def test_python_values_that_are_not_json(value: Any, path: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_json(value)
    assert caught.value.problems[0].path == path
    assert message in caught.value.problems[0].message


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = [loop, loop]
    with pytest.raises(InvalidInput, match="deeper"):
        check_json(loop)


def test_tuples_pass_as_arrays() -> None:
    check_json({"a": (1, "x", None)})


PATHS: list[tuple[list[str | int], str]] = [
    ([], ""),
    (["steps", 3, "config", "rules", 0, "when"], "steps[3].config.rules[0].when"),
    ([0, "a"], "[0].a"),
    (["a b", "c"], '["a b"].c'),
    (["a", "é\ud800"], 'a["\\u00e9\\ud800"]'),
    (["a", ""], 'a[""]'),
]


@pytest.mark.parametrize(("parts", "path"), PATHS)
def test_paths(parts: list[str | int], path: str) -> None:
    assert format_path(parts) == path
