"""Django's cache in Redis, whose values nobody reads there: JSON under AES-256-GCM, never pickle.

A value is bound to the name under which it is kept, names are digests, and the key is another one
every 30 days, derived from REDIS_ENCRYPTION_KEY. What cannot be opened is a miss, and so is
everything while Redis does not answer: a cache may lose what it holds at any time.
"""

from __future__ import annotations

import hmac
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

import redis
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

from core.encryption import Cipher, derive_key, key_id
from core.keys.files import decode_keys

logger = logging.getLogger(__name__)

PREFIX = "cache"
PERIOD_SECONDS = 30 * 86_400
_PAUSE_SECONDS = 5.0
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hidden_name(key: str, key_prefix: str, version: int) -> str:
    """KEY_FUNCTION of the cache: names may hold what values must not show."""
    digest = hmac.digest(_name_key(_secret()), f"{key_prefix}:{key}".encode(), "sha256")
    return f"{PREFIX}:{version}:{digest.hex()[:32]}"


class Client(RedisCacheClient):
    """Django's client, with values sealed for their names. Whole numbers stay as they are, since
    Redis counts with them.
    """

    def __init__(self, servers: Any, **options: Any) -> None:
        super().__init__(servers, serializer=_NoSerializer, **options)
        self._closed_until = 0.0

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        if timeout == 0:
            return False
        content = seal(key, value)
        return bool(
            self._ask(lambda: self.get_client(key, write=True).set(key, content, timeout, nx=True))
        )

    def get(self, key: Any, default: Any) -> Any:
        return self._opened(key, self._ask(lambda: self.get_client(key).get(key)), default)

    def set(self, key: Any, value: Any, timeout: Any) -> None:
        content = seal(key, value)
        client = self.get_client(key, write=True)
        self._ask(lambda: client.delete(key) if timeout == 0 else client.set(key, content, timeout))

    def touch(self, key: Any, timeout: Any) -> bool:
        return bool(self._ask(lambda: super(Client, self).touch(key, timeout)))

    def delete(self, key: Any) -> bool:
        return bool(self._ask(lambda: super(Client, self).delete(key)))

    def get_many(self, keys: Iterable[Any]) -> dict[Any, Any]:
        names = list(keys)
        values = self._ask(lambda: self.get_client(None).mget(names)) or [None] * len(names)
        opened = {
            key: self._opened(key, value, _MISS) for key, value in zip(names, values, strict=True)
        }
        return {key: value for key, value in opened.items() if value is not _MISS}

    def set_many(self, data: Mapping[Any, Any], timeout: Any) -> None:
        sealed = {key: seal(key, value) for key, value in data.items()}

        def write() -> None:
            with self.get_client(None, write=True).pipeline(transaction=False) as pipe:
                for key, content in sealed.items():
                    pipe.delete(key) if timeout == 0 else pipe.set(key, content, timeout)
                pipe.execute()

        self._ask(write)

    def has_key(self, key: Any) -> bool:
        return bool(self._ask(lambda: super(Client, self).has_key(key)))

    def incr(self, key: Any, delta: int) -> int:
        found = self._ask(lambda: super(Client, self).incr(key, delta))
        if found is None:
            raise ValueError(f"Key {key!r} not found.")
        return int(found)

    def delete_many(self, keys: Iterable[Any]) -> None:
        self._ask(lambda: super(Client, self).delete_many(keys))

    def clear(self) -> bool:
        """Removes what the cache holds, and nothing of the broker, which may share the database."""

        def remove() -> bool:
            client = self.get_client(None, write=True)
            for name in client.scan_iter(f"{PREFIX}:*", count=1000):
                client.delete(name)
            return True

        return bool(self._ask(remove))

    def _opened(self, key: Any, content: bytes | None, default: Any) -> Any:
        if content is None:
            return default
        try:
            return unseal(key, content)
        except (ValueError, InvalidTag):
            return default  # of another key, moved here, or written by somebody else

    def _ask(self, ask: Callable[[], Any]) -> Any:
        """What Redis answers; None while it does not."""
        if time.monotonic() < self._closed_until:
            return None
        try:
            return ask()
        except redis.RedisError as error:
            self._closed_until = time.monotonic() + _PAUSE_SECONDS
            logger.warning("The cache is left out, since Redis does not answer: %s", error)
            return None


class EncryptedCache(RedisCache):
    """Back end for CACHES."""

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client


def seal(name: str, value: Any) -> bytes | int:
    """What is stored for a value under its name. Raises TypeError or ValueError for what JSON
    cannot hold.
    """
    if type(value) is int:
        return value
    period = int(time.time()) // PERIOD_SECONDS
    master, *_ = _masters(_secret())
    header = f"{key_id(master)}.{period}."
    cipher = _cipher(master, period)
    return header.encode() + cipher.encrypt(_JSON.encode(value).encode(), _binding(header, name))


def unseal(name: str, content: bytes) -> Any:
    """The value that `seal` was given. Raises ValueError or InvalidTag where it is not."""
    if content.lstrip(b"-").isdigit():
        return int(content)
    kid, period, sealed = content.split(b".", 2)
    for master in _masters(_secret()):
        if key_id(master).encode() == kid:
            header = f"{kid.decode()}.{period.decode()}."
            plaintext = _cipher(master, int(period)).decrypt(sealed, _binding(header, name))
            return json.loads(plaintext)
    raise ValueError("sealed under another key")


def _binding(header: str, name: str) -> bytes:
    return f"{header}{name}".encode()


class _NoSerializer:
    """Stands where Django would put its own, which pickles. Nothing asks it."""

    def dumps(self, obj: Any) -> bytes:
        raise TypeError("values are sealed for their name")

    def loads(self, data: Any) -> Any:
        raise TypeError("values are sealed for their name")


_MISS = object()


def _secret() -> str:
    secret: str = settings.REDIS_ENCRYPTION_KEY or settings.SECRET_KEY
    return secret


@lru_cache(maxsize=4)
def _masters(secret: str) -> list[bytes]:
    if secret == settings.REDIS_ENCRYPTION_KEY:
        return decode_keys(secret, source="REDIS_ENCRYPTION_KEY")
    return [sha256(b"workflow-platform cache\0" + secret.encode()).digest()]


@lru_cache(maxsize=4)
def _name_key(secret: str) -> bytes:
    return derive_key(_masters(secret)[0], b"workflow-platform cache names")


@lru_cache(maxsize=8)
def _cipher(master: bytes, period: int) -> Cipher:
    purpose = b"workflow-platform cache values %d" % period
    return Cipher(key_id(master), derive_key(master, purpose))
