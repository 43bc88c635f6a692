"""Who wraps data keys: master keys of the platform's own, and a server that speaks Vault's API."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from pytest_django import Settings

from core.encryption import KEY_BYTES, Cipher, key_id
from core.errors import KeyUnavailable
from core.keys import providers
from core.keys.files import KEY_FILE
from core.keys.providers import MasterKeys
from core.keys.vault import Vault
from tests.support.vault import VaultServer

OLD, NEW = b"o" * 32, b"n" * 32
KEY = os.urandom(KEY_BYTES)


def encoded(*keys: bytes) -> str:
    return ",".join(b64encode(key).decode() for key in keys)


@pytest.fixture(autouse=True)
def no_keys(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.DB_ENCRYPTION_KEY = settings.KEY_PROVIDER = ""


def test_a_wrapped_key_comes_back_under_its_own_name_only() -> None:
    masters = MasterKeys([NEW], source="x")
    wrapped = masters.wrap(KEY, bound_to="a")
    assert b64encode(KEY).decode() not in wrapped
    assert masters.unwrap(wrapped, bound_to="a") == KEY
    with pytest.raises(KeyUnavailable, match="altered"):
        masters.unwrap(wrapped, bound_to="b")
    with pytest.raises(KeyUnavailable, match="altered"):
        masters.unwrap(f"{wrapped[:-8]}AAAAAAA=", bound_to="a")


def test_the_first_master_key_wraps_and_every_one_unwraps() -> None:
    wrapped = MasterKeys([OLD], source="x").wrap(KEY, bound_to="a")
    both = MasterKeys([NEW, OLD], source="x")
    assert both.unwrap(wrapped, bound_to="a") == KEY
    assert both.wrap(KEY, bound_to="a").startswith(f"{key_id(NEW)}:")
    with pytest.raises(KeyUnavailable, match=f"x does not hold the master key '{key_id(OLD)}'"):
        MasterKeys([NEW], source="x").unwrap(wrapped, bound_to="a")


def test_the_master_key_itself_does_not_wrap() -> None:
    """It may have sealed values of an installation that is older than data keys."""
    wrapped = MasterKeys([NEW], source="x").wrap(KEY, bound_to="a")
    content = b64decode(wrapped.partition(":")[2])
    with pytest.raises(InvalidTag):
        Cipher(key_id(NEW), NEW).decrypt(content, b"a")


def test_the_environment_comes_before_the_file(settings: Settings, tmp_path: Path) -> None:
    assert providers.current_name() == "file"
    settings.DB_ENCRYPTION_KEY = encoded(NEW)
    assert providers.current_name() == "env"
    settings.KEY_PROVIDER = "vault"
    assert providers.current_name() == "vault"
    assert list(tmp_path.iterdir()) == [], "nothing is made without need"


def test_a_file_that_was_lost_is_not_replaced_by_another(
    settings: Settings, tmp_path: Path
) -> None:
    providers.make_master_key()
    wrapped = providers.provider("file").wrap(KEY, bound_to="a")
    assert providers.provider("file").unwrap(wrapped, bound_to="a") == KEY
    settings.DB_ENCRYPTION_KEY = encoded(NEW)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(KeyUnavailable, match="'file' is not configured"):
        providers.provider("file")
    settings.DB_ENCRYPTION_KEY = ""
    with pytest.raises(KeyUnavailable, match="is not in DATA_DIR"):
        providers.provider("file")
    assert list(tmp_path.iterdir()) == []


def test_a_key_added_to_the_file_is_seen_without_restart(tmp_path: Path) -> None:
    providers.make_master_key()
    wrapped = providers.provider("file").wrap(KEY, bound_to="a")
    path = tmp_path / KEY_FILE
    path.write_text(f"{encoded(NEW)}\n{path.read_text()}")
    assert providers.provider("file").unwrap(wrapped, bound_to="a") == KEY
    assert providers.provider("file").wrap(KEY, bound_to="a").startswith(key_id(NEW))


def test_vault_wraps_and_unwraps(vault: VaultServer) -> None:
    provider = Vault(**vault.options())
    wrapped = provider.wrap(KEY, bound_to="a")
    assert wrapped.startswith("vault:v1:")
    assert provider.unwrap(wrapped, bound_to="a") == KEY
    with pytest.raises(KeyUnavailable, match="cannot open"):
        provider.unwrap(wrapped, bound_to="b")


def test_a_rotated_transit_key_opens_what_older_versions_wrapped(vault: VaultServer) -> None:
    provider = Vault(**vault.options())
    wrapped = provider.wrap(KEY, bound_to="a")
    vault.rotate()
    assert provider.wrap(KEY, bound_to="a").startswith("vault:v2:")
    assert provider.unwrap(wrapped, bound_to="a") == KEY
    vault.oldest = 2
    with pytest.raises(KeyUnavailable, match="cannot open"):
        provider.unwrap(wrapped, bound_to="a")


def test_vault_out_of_reach_and_back(vault: VaultServer) -> None:
    provider = Vault(**vault.options())
    wrapped = provider.wrap(KEY, bound_to="a")
    vault.sealed = True
    with pytest.raises(KeyUnavailable, match="does not answer"):
        provider.unwrap(wrapped, bound_to="a")
    vault.sealed = False
    assert provider.unwrap(wrapped, bound_to="a") == KEY
    vault.close()
    with pytest.raises(KeyUnavailable, match="does not answer") as caught:
        Vault(**vault.options()).unwrap(wrapped, bound_to="a")
    assert "127.0.0.1" not in caught.value.message


def test_a_wrong_token_is_refused(vault: VaultServer) -> None:
    with pytest.raises(KeyUnavailable, match="refuses the platform's credentials"):
        Vault(**vault.options(token="other")).wrap(KEY, bound_to="a")


def test_a_token_of_the_persons_own_is_never_sent(
    vault: VaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "first-token")
    with pytest.raises(KeyUnavailable):
        Vault(**vault.options(token="")).wrap(KEY, bound_to="a")
    assert {token for _, token in vault.asked} == {""}


def test_an_agent_renews_the_token_file(vault: VaultServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first-token\n")
    provider = Vault(**vault.options(token_file=str(file)))
    wrapped = provider.wrap(KEY, bound_to="a")
    vault.tokens = {"second-token"}
    with pytest.raises(KeyUnavailable, match="credentials"):
        provider.unwrap(wrapped, bound_to="a")
    file.write_text("second-token\n")
    assert provider.unwrap(wrapped, bound_to="a") == KEY


def test_an_approle_signs_in_again_when_its_token_has_run_out(vault: VaultServer) -> None:
    provider = Vault(**vault.options(role_id="the-role", secret_id="the-secret"))
    wrapped = provider.wrap(KEY, bound_to="a")
    vault.tokens.clear()
    assert provider.unwrap(wrapped, bound_to="a") == KEY
    logins = [path for path, _ in vault.asked if path.endswith("login")]
    assert len(logins) == 2
    with pytest.raises(KeyUnavailable):
        Vault(**vault.options(role_id="the-role", secret_id="wrong")).wrap(KEY, bound_to="a")


def test_a_namespace_is_named(vault: VaultServer) -> None:
    vault.namespace = "team"
    assert Vault(**vault.options(namespace="team")).wrap(KEY, bound_to="a")
    with pytest.raises(KeyUnavailable):
        Vault(**vault.options()).wrap(KEY, bound_to="a")
