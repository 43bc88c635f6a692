"""A server that speaks what the platform uses of Vault's HTTP API: transit keys and AppRole.

Written from https://developer.hashicorp.com/vault/api-docs/secret/transit: the same paths, bodies,
ciphertexts (`vault:v<version>:<base64>`, AES-256-GCM with associated data) and errors.
"""

from __future__ import annotations

import json
import os
import ssl
from base64 import b64decode, b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DENIED = (403, {"errors": ["permission denied"]})
Answer = tuple[int, dict[str, Any]]


class VaultServer:
    """One transit key, the tokens that may use it, and a role that may sign in.

    Attributes:
        versions: of the transit key; the last one encrypts.
        oldest: version that still decrypts (`min_decryption_version`).
        sealed: answers 503 as a sealed server does.
        asked: paths of the requests, with their token.
    """

    def __init__(self) -> None:
        self.versions = [os.urandom(32)]
        self.oldest = 1
        self.tokens = {"first-token"}
        self.role = ("the-role", "the-secret")
        self.namespace = ""
        self.sealed = False
        self.asked: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                token = self.headers.get("X-Vault-Token", "")
                namespace = self.headers.get("X-Vault-Namespace", "")
                status, answer = server.answer(self.path, token, namespace, json.loads(body))
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Not into the tests' output."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speaks TLS alone from now on."""
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.address = self.address.replace("http://", "https://")

    def close(self) -> None:
        """Refuses connections from now on."""
        self.http.shutdown()
        self.http.server_close()

    def options(self, **changed: str) -> dict[str, str]:
        """The setting VAULT."""
        token = {} if {"token_file", "role_id"} & set(changed) else {"token": "first-token"}
        return {"address": self.address, "mount": "transit", "key": "platform", **token, **changed}

    def rotate(self) -> None:
        """What `vault write -f transit/keys/platform/rotate` does."""
        self.versions.append(os.urandom(32))

    def answer(self, path: str, token: str, namespace: str, body: dict[str, Any]) -> Answer:
        """The status and body for one request."""
        self.asked.append((path, token))
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if path == "/v1/auth/approle/login":
            return self._log_in(body)
        if token not in self.tokens or namespace != self.namespace:
            return DENIED
        associated = b64decode(body.get("associated_data", ""))
        match path:
            case "/v1/transit/encrypt/platform":
                return self._encrypt(b64decode(body["plaintext"]), associated)
            case "/v1/transit/decrypt/platform":
                return self._decrypt(body["ciphertext"], associated)
            case _:  # as with a policy that names these two only
                return DENIED

    def _log_in(self, body: dict[str, Any]) -> Answer:
        if (body.get("role_id"), body.get("secret_id")) != self.role:
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"hvs.{os.urandom(8).hex()}"
        self.tokens.add(token)
        return 200, {"auth": {"client_token": token, "lease_duration": 3600, "renewable": True}}

    def _encrypt(self, plaintext: bytes, associated: bytes) -> Answer:
        nonce = os.urandom(12)
        sealed = nonce + AESGCM(self.versions[-1]).encrypt(nonce, plaintext, associated)
        version = len(self.versions)
        text = f"vault:v{version}:{b64encode(sealed).decode()}"
        return 200, {"data": {"ciphertext": text, "key_version": version}}

    def _decrypt(self, ciphertext: str, associated: bytes) -> Answer:
        _, version, content = ciphertext.split(":")
        number, sealed = int(version.removeprefix("v")), b64decode(content)
        if number < self.oldest:
            return 400, {"errors": ["ciphertext or signature version is disallowed by policy"]}
        try:
            key = AESGCM(self.versions[number - 1])
            plaintext = key.decrypt(sealed[:12], sealed[12:], associated)
        except InvalidTag:
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": b64encode(plaintext).decode()}}


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    server = VaultServer()
    yield server
    server.close()
