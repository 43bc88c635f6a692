"""Cached values in a real Redis: nobody reads them there, nobody moves them, and they may go."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import InvalidCacheBackendError, caches
from pytest_django import Settings
from redis import Redis
from redis.connection import UnixDomainSocketConnection

from core import cache as cache_module
from core.cache import EncryptedCache, hidden_name

CANARY = "canary-4711"
KEY = b64encode(b"k" * 32).decode()
OTHER = b64encode(b"o" * 32).decode()


@pytest.fixture
def raw() -> Iterator[Any]:
    with Redis.from_url(django_settings.REDIS_URL) as client:
        yield client


@pytest.fixture
def cache(raw: Any) -> Iterator[EncryptedCache]:
    found = caches["default"]
    assert isinstance(found, EncryptedCache)
    found.clear()
    yield found
    found.clear()


def stored(raw: Any) -> dict[bytes, bytes]:
    return {name: raw.get(name) for name in raw.scan_iter("cache:*")}


VALUES: list[Any] = [None, True, 0, -7, 10**30, 1.5, "", "7", "é\0", [], {"a": [1, {"b": None}]}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back(cache: EncryptedCache, value: Any) -> None:
    cache.set("name", value)
    assert cache.get("name", "nothing") == value
    assert type(cache.get("name")) is type(value)
    assert cache.get_many(["name", "other"]) == {"name": value}


def test_neither_names_nor_values_are_readable(cache: EncryptedCache, raw: Any) -> None:
    cache.set(CANARY, [CANARY, CANARY])
    cache.add(f"{CANARY}-2", CANARY)
    cache.set_many({f"{CANARY}-3": {CANARY: 1}})
    everything = b"".join(name + content for name, content in stored(raw).items())
    assert len(stored(raw)) == 3
    assert CANARY.encode() not in everything
    assert b64encode(CANARY.encode())[:12] not in everything


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), float("nan"), time.sleep])
def test_what_is_no_json_is_refused(cache: EncryptedCache, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        cache.set("name", value)


def test_a_value_that_was_moved_is_a_miss(cache: EncryptedCache, raw: Any) -> None:
    cache.set("mine", "value")
    cache.set("theirs", "other")
    mine, theirs = (hidden_name(name, "", 1) for name in ("mine", "theirs"))
    raw.set(mine, raw.get(theirs))
    assert cache.get("mine", "miss") == "miss"
    assert cache.get("theirs") == "other"


FORGED = [
    b"",
    b"x",
    b"..",
    b"a.b.c",
    b"\x80\x04K\x01.",
    b"00000000.1.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
]


@pytest.mark.parametrize("content", FORGED)
def test_what_somebody_else_wrote_is_a_miss(
    cache: EncryptedCache, raw: Any, content: bytes
) -> None:
    raw.set(hidden_name("name", "", 1), content)
    assert cache.get("name", "miss") == "miss"
    assert cache.get_many(["name"]) == {}


def test_a_changed_byte_is_a_miss(cache: EncryptedCache, raw: Any) -> None:
    cache.set("name", "value")
    name = hidden_name("name", "", 1)
    content = raw.get(name)
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        raw.set(name, bytes(changed))
        assert cache.get("name", "miss") == "miss", position


def test_keys_change_with_the_setting_and_the_month(
    cache: EncryptedCache, raw: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_ENCRYPTION_KEY = KEY
    cache.set("name", "value")
    [content] = stored(raw).values()
    later = time.time() + cache_module.PERIOD_SECONDS
    with monkeypatch.context() as patch:
        patch.setattr("core.cache.time.time", lambda: later)
        assert cache.get("name") == "value", "what an older key sealed opens"
        cache.set("name", "value")
    [renewed] = stored(raw).values()
    assert content.split(b".")[:2] != renewed.split(b".")[:2]
    settings.REDIS_ENCRYPTION_KEY = OTHER
    assert cache.get("name", "miss") == "miss"
    settings.REDIS_ENCRYPTION_KEY = ""
    assert cache.get("name", "miss") == "miss"


def test_another_process_reads_it(cache: EncryptedCache) -> None:
    cache.set("name", "value")
    again = EncryptedCache(
        django_settings.REDIS_URL,
        {"KEY_FUNCTION": hidden_name, "OPTIONS": django_settings.CACHES["default"]["OPTIONS"]},
    )
    assert again.get("name") == "value"


def test_the_ways_of_djangos_cache(cache: EncryptedCache, raw: Any) -> None:
    assert cache.add("a", "first")
    assert not cache.add("a", "second")
    assert cache.get("a") == "first"
    assert cache.get_or_set("b", lambda: "made") == "made"
    assert cache.has_key("b")
    assert cache.touch("b", 5)
    assert 0 < raw.ttl(hidden_name("b", "", 1)) <= 5
    cache.set("b", "x", timeout=None)
    assert raw.ttl(hidden_name("b", "", 1)) == -1
    cache.set("b", "x", timeout=0)
    assert not cache.has_key("b")
    assert not cache.add("b", "x", timeout=0)
    cache.set("n", 1)
    assert (cache.incr("n"), cache.incr("n", 5), cache.decr("n")) == (2, 7, 6)
    with pytest.raises(ValueError, match="not found"):
        cache.incr("none")
    cache.set("old", "x", version=1)
    assert cache.incr_version("old") == 2
    assert cache.get("old", version=2) == "x"
    cache.set_many({"p": "1", "q": "2"}, timeout=5)
    assert cache.get_many(["p", "q"]) == {"p": "1", "q": "2"}
    cache.delete_many(["p", "a"])
    assert (cache.get("p"), cache.get("a")) == (None, None)
    assert cache.delete("q")
    assert not cache.delete("q")


def test_clearing_leaves_the_brokers_keys(cache: EncryptedCache, raw: Any) -> None:
    raw.set("somebody else's", "x")
    cache.set("name", "value")
    cache.clear()
    assert stored(raw) == {}
    assert raw.get("somebody else's") == b"x"
    raw.delete("somebody else's")


def test_without_redis_everything_is_a_miss_and_nothing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts: list[Any] = []

    def refused(connection: UnixDomainSocketConnection) -> Any:
        attempts.append(connection)
        raise ConnectionRefusedError

    monkeypatch.setattr(UnixDomainSocketConnection, "_connect", refused)
    away = EncryptedCache("unix:///nowhere.sock", {"KEY_FUNCTION": hidden_name})
    for _ in range(50):
        away.set("name", "value")
        assert away.get("name", "miss") == "miss"
        assert away.get_many(["name"]) == {}
        assert not away.add("name", "value")
        assert not away.has_key("name")
        away.set_many({"a": 1})
        away.delete_many(["a"])
        away.clear()
    with pytest.raises(ValueError, match="not found"):
        away.incr("name")
    assert 1 <= len(attempts) < 40, "of 400 questions"


def test_no_other_cache_is_there() -> None:
    assert set(django_settings.CACHES) == {"default"}
    with pytest.raises(InvalidCacheBackendError):
        caches["other"]
