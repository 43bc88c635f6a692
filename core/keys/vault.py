"""HashiCorp Vault as provider: its transit engine wraps data keys, whose master never leaves it.

https://developer.hashicorp.com/vault/api-docs/secret/transit. Set-up: docs/runbooks/vault.md.
"""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidRequest, Unauthorized, VaultError

from core.errors import KeyUnavailable

TIMEOUT_SECONDS = 5


class Vault:
    """One transit key. Signs in with a token (or a file that an agent keeps fresh), or by AppRole;
    again where a token has run out.
    """

    def __init__(
        self,
        *,
        address: str,
        mount: str,
        key: str,
        namespace: str = "",
        token: str = "",
        token_file: str = "",
        role_id: str = "",
        secret_id: str = "",
        ca_cert: str = "",
    ) -> None:
        """`ca_cert`: file of the authority that vouches for the server; empty: the system's."""
        self._mount, self._key = mount, key
        self._token, self._token_file = token, token_file
        self._role = (role_id, secret_id)
        self._lock = threading.Lock()
        self._client = hvac.Client(
            url=address,
            token="",  # nosec B106 # none: else it would look for one in the environment and in the home folder
            namespace=namespace or None,
            verify=ca_cert or True,
            timeout=TIMEOUT_SECONDS,
        )

    def wrap(self, key: bytes, *, bound_to: str) -> str:
        """The key under the newest version of the transit key, as `vault:v<version>:...`."""
        answer = self._ask(
            lambda: self._client.secrets.transit.encrypt_data(
                name=self._key,
                mount_point=self._mount,
                plaintext=_base64(key),
                associated_data=_base64(bound_to.encode()),
            )
        )
        return str(answer["ciphertext"])

    def unwrap(self, wrapped: str, *, bound_to: str) -> bytes:
        """The key that `wrap` was given."""
        answer = self._ask(
            lambda: self._client.secrets.transit.decrypt_data(
                name=self._key,
                mount_point=self._mount,
                ciphertext=wrapped,
                associated_data=_base64(bound_to.encode()),
            )
        )
        return b64decode(answer["plaintext"])

    def _ask(self, call: Callable[[], Any]) -> dict[str, Any]:
        with self._lock:
            try:
                answer = self._signed_in(call)
                data: dict[str, Any] = answer["data"]
            except InvalidRequest:
                raise KeyUnavailable("Vault cannot open a wrapped data key.") from None
            except (Forbidden, Unauthorized):
                raise KeyUnavailable("Vault refuses the platform's credentials.") from None
            except (VaultError, requests.RequestException, OSError) as error:
                raise KeyUnavailable(f"Vault does not answer ({type(error).__name__}).") from None
            except (TypeError, KeyError):
                raise KeyUnavailable("Vault gave an answer that is none.") from None
            return data

    def _signed_in(self, call: Callable[[], Any]) -> Any:
        if not self._client.token:
            self._sign_in()
            return call()
        try:
            return call()
        except Forbidden:  # also what a token that has run out is told
            self._sign_in()
            return call()

    def _sign_in(self) -> None:
        role_id, secret_id = self._role
        if role_id:
            # Without the token that has run out, which would be refused here too.
            self._client.token = ""  # nosec B105 # none
            self._client.auth.approle.login(role_id=role_id, secret_id=secret_id)
        elif self._token_file:
            self._client.token = Path(self._token_file).read_text(encoding="ascii").strip()
        else:
            self._client.token = self._token


def _base64(content: bytes) -> str:
    return b64encode(content).decode("ascii")
