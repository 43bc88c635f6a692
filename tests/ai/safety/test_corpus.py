"""The synthetic set: the same for the same seed, with places that are right."""

from __future__ import annotations

from collections import Counter

from tests.ai.safety.corpus import samples

KINDS = {"EMAIL", "PHONE", "IBAN", "CARD", "NATIONAL_ID", "SECRET"}


def test_a_seed_gives_the_same_texts() -> None:
    assert list(samples(7, 50)) == list(samples(7, 50))
    assert list(samples(7, 50)) != list(samples(8, 50))


def test_every_kind_is_there_and_stands_where_the_set_says() -> None:
    found: Counter[str] = Counter()
    for sample in samples(11, 400):
        end = 0
        for span in sample.spans:
            assert end <= span.start < span.end <= len(sample.text)
            value = sample.text[span.start : span.end]
            assert value == value.strip()
            found[span.kind] += 1
            end = span.end
    assert found.keys() == KINDS
    assert min(found.values()) > 20


def test_half_of_the_lines_only_look_like_something() -> None:
    texts = list(samples(13, 400))
    assert any(not sample.spans for sample in texts)
    lines = sum(len(sample.text.splitlines()) for sample in texts)
    values = sum(len(sample.spans) for sample in texts)
    assert lines > values
