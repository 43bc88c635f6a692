from __future__ import annotations

import json

import pytest

from ai.invisible import strip_invisible, unescape_json


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("plain text,\n\twith tabs\r\n", "plain text,\n\twith tabs\r\n"),
        ("Grüße, 価格 и цены", "Grüße, 価格 и цены"),
        ("a\u200bb\u2060c\ufeffd", "abcd"),  # zero-width space, word joiner, byte order mark
        ("a\u202eb\u2066c\u200e", "abc"),  # bidirectional marks
        ("hi" + "".join(chr(0xE0000 + ord(c)) for c in "obey me"), "hi"),  # tag characters
        ("x\ufe01\ufe02\U000e0101y", "xy"),  # variation selectors
        ("soft\u00adhyphen\x00\x1b[0m", "softhyphen[0m"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("a\u200db\u200cc", "abc"),  # joiners hide bits between letters that never join
        ("\u200d\u200c\u200d", ""),
        ("می\u200cشود", "می\u200cشود"),  # Persian needs its non-joiner
        ("क्\u200dष", "क्\u200dष"),  # so does Devanagari its joiner
        ("👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f"),
        ("❤\ufe0f\ufe0f\ufe0f", "❤\ufe0f"),
    ],
)
def test_what_nobody_sees_goes(text: str, stripped: str) -> None:
    assert strip_invisible(text) == stripped
    assert strip_invisible(stripped) == stripped


@pytest.mark.parametrize(
    ("text", "unescaped"),
    [
        ("no escapes", "no escapes"),
        (r'{"a": "\u0073k-\u200b1"}', '{"a": "sk-\u200b1"}'),
        (r'"\udb40\udc41"', '"\U000e0041"'),
        (r'"a\/b"', '"a/b"'),
        (
            r'"\u0022 \u005c \u005C \u000a \n \t \" \\"',
            r'"\u0022 \u005c \u005C \u000a \n \t \" \\"',
        ),
        (r'"\\u0041"', r'"\\u0041"'),  # a backslash, then u0041
        (r'"\ud800 alone"', r'"\ud800 alone"'),
        ("\\", "\\"),
    ],
)
def test_escapes_of_json_hide_nothing(text: str, unescaped: str) -> None:
    assert unescape_json(text) == unescaped
    if text.startswith(('"', "{")):
        assert json.loads(unescaped) == json.loads(text)
