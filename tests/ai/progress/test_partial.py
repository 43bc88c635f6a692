"""What is shown of an answer that is coming is always the beginning of what is shown in the end."""

from __future__ import annotations

import random

import pytest
from django.test import override_settings

from ai.calls import Answer
from ai.client import security
from ai.prompts import new_prompt
from ai.safety.findings import Kind
from ai.safety.guard import Guard, Policy
from ai.safety.marking import Marked
from ai.safety.partial import settled

OWN = "the platform's own secret 4711"  # pragma: allowlist secret - made up
POLICY = Policy(kinds=frozenset(Kind), own=[OWN, "another-own-secret-0815"])
TOKEN = "ghp_" + "a1B2" * 9
MARKS = [f"-----{end} RSA PRIVATE KEY-----" for end in ("BEGIN", "END")]
KEY = f"{MARKS[0]}\n{'QUJD' * 16}\n{'REVG' * 16}\n{MARKS[1]}"
WORDS = [
    "Dear", "Ada,", "it", "rains.", "\n", "\n\n", "-", "[", "]", "[1]", "[a b", "\\[", "[EMAIL_1]",
    "[EMAIL 1]", "[ email_1 ]", "\\[EMAIL\\_1\\]", "[EMAIL_2]", "[PHONE_1]", TOKEN, f"({TOKEN})",
    "ghp_short", KEY, "-----BEGIN CERTIFICATE-----", "-----END", "sk-abcdefghijklmnopqrst1",
    "the platform's", "\u200b", "e\u0301", "\U0001f469\u200d\U0001f680",
]  # fmt: skip


def a_guard() -> Guard:
    text = Marked.of([("Write to ", False), ("ada@example.org, bob@example.org", True)])
    with override_settings(AI_REDACT_OPTIONAL=False):
        prompt = new_prompt(text, timeout=5)
    return Guard(prompt, policy=POLICY, scope="tests")


def whole(guard: Guard, text: str) -> str:
    """What the client makes of an answer in the end."""
    filtered = guard.filtered(security.response_validator.bounded(text))
    answer = Answer(
        text=filtered, data=None, model="", provider="", notice="", tokens=None, cost_usd=None
    )
    return guard.answer(answer).text


@pytest.mark.parametrize("seed", range(300))
def test_a_beginning_shows_nothing_that_the_whole_does_not(seed: int) -> None:
    draw = random.Random(seed)
    guard = a_guard()
    marks = [f"<data-{guard._mark}>", f"</data-{guard._mark}>"]
    parts: list[str] = []
    for _ in range(draw.randrange(1, 25)):
        parts += [draw.choice([*WORDS, *marks]), draw.choice([" ", " ", "", "\n"])]
    text = "".join(parts)
    final = whole(guard, text)
    position = 0
    while position < len(text):
        position += draw.randrange(1, 12)
        shown = guard.partial(text[:position])
        assert final.startswith(shown), (text[:position], shown, final)


def test_values_stand_in_their_places_and_the_last_word_waits() -> None:
    guard = a_guard()
    assert guard.partial("Write to [EMAIL_1] now or") == "Write to ada@example.org now"
    assert guard.partial("Write to [EMAIL_1") == "Write to"
    assert guard.partial("Write to [EMAIL 1") == "Write to"
    assert guard.partial("Write") == ""


def test_secrets_are_never_shown_not_even_in_part() -> None:
    guard = a_guard()
    text = f"The key is {TOKEN} and then {KEY} is another."
    seen = {guard.partial(text[:n]) for n in range(len(text) + 1)}
    assert not any("ghp" in shown or "BEGIN" in shown or "QUJD" in shown for shown in seen)
    assert max(seen, key=len).endswith("is")


def test_the_platforms_own_secrets_with_blanks_are_held_back() -> None:
    guard = a_guard()
    text = f"Hello. It is {OWN} you see."
    for n in range(len(text) + 1):
        assert "platform" not in guard.partial(text[:n])
    assert guard.partial(text) == ""


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "[" * 20_000, "-----BEGIN " * 2_000, " " * 100_000, "[ " * 20_000]
)
def test_hostile_texts_are_read_in_time(text: str) -> None:
    assert settled(text[:10_000], own=[OWN]) <= 10_000
