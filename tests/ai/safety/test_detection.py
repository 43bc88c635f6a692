"""What is found in a text, what is passed over, and that the work stays in proportion."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator
from importlib import import_module
from types import FrameType
from typing import Any

import pytest

from ai.safety.detection import MAX_CHECKS, find
from ai.safety.findings import Finding, Kind, apart
from tests.ai.safety.corpus import samples
from tests.ai.safety.scoring import score

MODULES = (
    "folding",
    "labels",
    "contacts",
    "accounts",
    "identities",
    "secrets",
    "placeholders",
    "marking",
)


def found(text: str) -> list[tuple[str, str]]:
    return [(f.kind.value, text[f.start : f.end]) for f in find(text)]


def wide(text: str) -> str:
    """The text in fullwidth letters, digits and signs."""
    return "".join("\u3000" if c == " " else chr(ord(c) + 0xFEE0) for c in text)


def test_the_bars_on_a_set_that_is_drawn_anew() -> None:
    seed = secrets.randbelow(2**32)
    print(f"SEED={seed} (make redaction N=1500 SEED={seed})")  # noqa: T201
    result = score(samples(seed, 1_500))
    print(result.table())  # noqa: T201 - pytest shows it where the test fails
    print(*result.missed[:20], *result.wrong[:20], sep="\n")  # noqa: T201
    assert result.recall() >= 0.98
    assert result.precision() >= 0.95
    for kind in result.values:
        assert result.recall(kind) >= 0.95, kind
        assert result.precision(kind) >= 0.93, kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mail a.b@example.org, please.", [("email", "a.b@example.org")]),
        ("?to=a.b%40example.org&x=1", [("email", "a.b%40example.org")]),
        ("('x@example.org')", [("email", "x@example.org")]),
        ("call +49 30 901820 2024-05-01", [("phone", "+49 30 901820")]),
        ("Tel: 030 901820, Order 4711901820", [("phone", "030 901820")]),
        ("Pay to de89 3704 0044 0532 0130 00.", [("iban", "de89 3704 0044 0532 0130 00")]),
        ("12 4111 1111 1111 1111", [("card", "4111 1111 1111 1111")]),
        ("4111.1111.1111.1111.", [("card", "4111.1111.1111.1111")]),
        ("Pay 4111 1111\n  1111 1111 now", [("card", "4111 1111\n  1111 1111")]),
        ("> by 4111-1111-\r\n> 1111-1111", [("card", "4111-1111-\r\n> 1111-1111")]),
        ("Card 411111111111\n1111", [("card", "411111111111\n1111")]),
        (r"x: 3782 \n822463 10005", [("card", r"3782 \n822463 10005")]),
        ("Visa 4111 1111 1111 1111 12/28", [("card", "4111 1111 1111 1111")]),
        ("4111\n1111\n1111\n1111", []),
        ("41111111\n11111111", []),
        ("7;41111111\n11111111;9", []),
        ("(DE89.3704.0044.0532.0130.00)", [("iban", "DE89.3704.0044.0532.0130.00")]),
        ("DE89 3704 0044\n0532 0130 00\nA", [("iban", "DE89 3704 0044\n0532 0130 00")]),
        ("DE8937040\r\n> 044 0532013000", [("iban", "DE8937040\r\n> 044 0532013000")]),
        (r"de89 37040044\n0532013000", [("iban", r"de89 37040044\n0532013000")]),
        ("DE89 3704 0044\n\n0532 0130 00", []),
        ("DE89 3704 0044 0532 0130 01", []),
        ("SSN: 536904399", [("national_id", "536904399")]),
        ("Order 536904399", []),
        ("run_id=93271408-a3f9-4e05-b709-dcf9ca88c001", []),
        ("postgres://u:" + "pa55@h/d", [("secret", "pa55")]),
        ('{"pass' + 'word": "correcthorse"}', [("secret", "correcthorse")]),
        ("password: required", []),
        ("password=${DB_PASSWORD}", []),
        ("left-pad@1.3.0 and @types/node", []),
        ("[EMAIL_1] wrote to [PHONE_2]", []),
        ("\u00e4\u00e9 " + wide("kim@example.com") + "!", [("email", wide("kim@example.com"))]),
        ("kim" + wide("@") + "example.com", [("email", "kim" + wide("@") + "example.com")]),
        ("\uff5e " + "kim\ufe6bexample.com x", [("email", "kim\ufe6bexample.com")]),
        ("\U0001d424im@o\ufb03ce.org x", [("email", "\U0001d424im@o\ufb03ce.org")]),
        (wide("4111111111111111"), [("card", wide("4111111111111111"))]),
        (wide("+49 30 901820") + "\u3002", [("phone", wide("+49 30 901820"))]),
        (wide("Pay") + " kim@example.com", [("email", "kim@example.com")]),
    ],
)
def test_forms(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_a_private_key_is_one_value_even_where_its_end_is_missing() -> None:
    mark = "-----BEGIN RSA PRIVATE " + "KEY-----"
    body = "\n".join(["A1b2C3d4" * 8] * 4)
    whole = f"{mark}\n{body}\n{mark.replace('BEGIN', 'END')}"
    assert found(f"Key:\n{whole}\nBye.") == [("secret", whole)]
    assert found(f"{mark}\n{body}\nBye.") == [("secret", f"{mark}\n{body}\n")]


def test_own_secrets_are_found_wherever_they_stand() -> None:
    text = "It is open sesame, again: open sesame."
    places = find(text, kinds=(), own=["open sesame"])
    assert [text[f.start : f.end] for f in places] == ["open sesame"] * 2


def test_kinds_can_be_left_out() -> None:
    text = "a.b@example.org, +49 30 901820"
    assert [f.kind for f in find(text, kinds={Kind.PHONE})] == [Kind.PHONE]
    assert find(text, kinds=()) == []


def test_of_two_that_overlap_one_is_kept() -> None:
    outer, inner = Finding(Kind.EMAIL, 0, 10), Finding(Kind.SECRET, 5, 7)
    assert apart([outer, inner]) == [inner]
    assert apart([Finding(Kind.PHONE, 0, 5), Finding(Kind.PHONE, 0, 9)]) == [
        Finding(Kind.PHONE, 0, 9)
    ]


HOSTILE = (
    "a", "a@", "a@a.", "@", "1", "1 ", "1-", "+1 2 ", "+1234567", "tel 0301234567 ", "tel ",
    "SSN 123456789 ", "SSN ", "DE89", "DE89 3704 ", "4111 ", "4111-1111-1111-1112 ",
    "-----BEGIN PRIVATE " + "KEY-----", "eyJaaaaaa.", "eyJ", "://a:", "://a:b", "password=",
    "password: is ", "sk-", "sk-a1", "bearer ", "a.b+c", "1.2.3-", "[EMAIL_", "\u0301", "'", "%40",
    "AB123456", "12345678-", "phone" * 4, "A1 ", "x_", "\u96fb\u8a71", "\\_",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_work_grows_with_the_length_and_no_faster(piece: str) -> None:
    short, long = (_calls(piece * (size // len(piece))) for size in (6_000, 12_000))
    assert long <= short * 2.3 + 2_000


def _calls(text: str) -> int:
    count = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        find(text)
    finally:
        sys.setprofile(None)
    return count


def test_costly_checks_are_bounded_and_then_the_form_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def exists(dialled: str, regions: object) -> bool:
        asked.append(dialled)
        return False

    monkeypatch.setattr(import_module("ai.safety.contacts"), "_exists", exists)
    text = " ".join(f"+49301{n:06}," for n in range(5_000))
    assert len(find(text)) == 5_000 - MAX_CHECKS
    assert len(asked) == MAX_CHECKS


def test_a_megabyte_is_read_whole() -> None:
    text = "The quick brown fox, 12 of 30. " * 33_000 + "a.b@example.org"
    assert found(text) == [("email", "a.b@example.org")]


def test_no_pattern_can_run_away() -> None:
    """A repetition without bound gives nothing back (possessive), or ends its pattern."""
    patterns = list(_patterns())
    assert len(patterns) > 20
    for name, pattern in patterns:
        parsed = re._parser.parse(pattern.pattern, pattern.flags)  # type: ignore[attr-defined]
        assert not list(_runaways(parsed.data, last=True)), (name, pattern.pattern)


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    def inside(value: Any) -> Iterator[re.Pattern[str]]:
        if isinstance(value, re.Pattern):
            yield value
        elif isinstance(value, list | tuple):
            for item in value:
                yield from inside(item)

    for module in MODULES:
        for name, value in vars(import_module(f"ai.safety.{module}")).items():
            for pattern in inside(value):
                yield f"{module}.{name}", pattern


def _runaways(items: Any, *, last: bool) -> Iterator[Any]:
    for n, (operation, argument) in enumerate(items):
        final = last and n == len(items) - 1
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            _, most, body = argument
            nested = any(str(op).endswith("_REPEAT") for op, _ in body)
            if most > 10_000 and (nested or not final):
                yield argument
            yield from _runaways(body, last=False)
        elif name == "POSSESSIVE_REPEAT":
            yield from _runaways(argument[2], last=False)
        elif name == "SUBPATTERN":
            yield from _runaways(argument[-1], last=final)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _runaways(argument[1], last=False)
        elif name == "BRANCH":
            for branch in argument[1]:
                yield from _runaways(branch, last=final)
