from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from pytest_django import Settings

from core.keys.files import KEY_FILE

KEY = b64encode(b"k" * 32).decode()
SECRET = b64encode(bytes(range(48))).decode()


def found(*, deploy: bool = False) -> set[str | None]:
    messages = checks.run_checks(include_deployment_checks=deploy)
    return {
        message.id for message in messages if message.id and message.id.startswith("workflow_core")
    }


@pytest.fixture(autouse=True)
def production(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.DB_ENCRYPTION_KEY = KEY
    settings.SECRET_KEY = SECRET


def test_good_settings_pass() -> None:
    assert found(deploy=True) == set()


API = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.BoundedJSONParser"],
    "EXCEPTION_HANDLER": "core.api.errors.exception_handler",
}
NOBODY = {
    "namespace": "", "mount": "transit", "key": "k", "token_file": "", "role_id": "",
    "secret_id": "", "ca_cert": "",
}  # fmt: skip
VAULT = NOBODY | {"address": "https://vault.example.org", "token": "t"}
W002, W003 = {"workflow_core.W002"}, {"workflow_core.W003"}
DATABASES: list[tuple[str, str, set[str]]] = [
    ("/run/postgresql", "", set()),
    ("", "", set()),
    ("127.0.0.1", "", set()),
    ("::1", "prefer", set()),
    ("db.example.org", "", W002),
    ("db.example.org", "require", W002),
    ("db.example.org", "verify-ca", W002),
    ("db.example.org", "verify-full", set()),
    ("10.0.0.1", "prefer", W002),
]
BROKERS: list[tuple[str, set[str]]] = [
    ("unix:///run/valkey.sock?db=0", set()),
    ("redis://localhost:6379/0", set()),
    ("redis://:pw@broker.example.org/0", W003),
    ("rediss://:pw@broker.example.org/0", set()),
    ("rediss://broker.example.org/0?ssl_cert_reqs=none", W003),
    ("rediss://broker.example.org/0?ssl_check_hostname=False", W003),
    ("rediss://broker.example.org/0?ssl_cert_reqs=required", set()),
]


def database(host: str, mode: str) -> dict[str, Any]:
    return {"default": {"HOST": host, "OPTIONS": {"sslmode": mode} if mode else {}}}


CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({"DB_ENCRYPTION_KEY": "short"}, {"workflow_core.E001"}),
    ({"DB_ENCRYPTION_KEY": f"{KEY},short"}, {"workflow_core.E001"}),
    ({"DB_ENCRYPTION_KEY": f"{KEY},{KEY}"}, set()),
    ({"DB_ENCRYPTION_KEY": ""}, {"workflow_core.W001"}),
    ({"REDIS_ENCRYPTION_KEY": "short"}, {"workflow_core.E001"}),
    ({"REDIS_ENCRYPTION_KEY": KEY}, set()),
    ({"KEY_PROVIDER": "vault"}, {"workflow_core.E005"}),
    ({"KEY_PROVIDER": "vault", "VAULT": VAULT | {"token": ""}}, {"workflow_core.E005"}),
    (
        {"KEY_PROVIDER": "vault", "VAULT": VAULT | {"token": "", "role_id": "r"}},
        {"workflow_core.E005"},
    ),
    ({"KEY_PROVIDER": "vault", "VAULT": VAULT}, set()),
    ({"VAULT": VAULT | {"address": "http://vault.example.org"}}, {"workflow_core.W004"}),
    ({"VAULT": VAULT | {"address": "http://127.0.0.1:8200"}}, set()),
    *[({"DATABASES": database(host, mode)}, ids) for host, mode, ids in DATABASES],
    *[({"REDIS_URL": url}, ids) for url, ids in BROKERS],
    ({"SECRET_KEY": "short"}, {"workflow_core.E004"}),  # pragma: allowlist secret - made up
    ({"SECRET_KEY": "a" * 60}, {"workflow_core.E004"}),
    ({"SECRET_KEY": f"django-insecure-{SECRET}"}, {"workflow_core.E004"}),
    ({"REST_FRAMEWORK": API | {"DEFAULT_PERMISSION_CLASSES": []}}, {"workflow_core.E002"}),
    (
        {"REST_FRAMEWORK": API | {"DEFAULT_PERMISSION_CLASSES": ["x.AllowAny"]}},
        {"workflow_core.E002"},
    ),
    ({"REST_FRAMEWORK": API | {"DEFAULT_PARSER_CLASSES": ["x.Y"]}}, {"workflow_core.E003"}),
    ({"REST_FRAMEWORK": API | {"EXCEPTION_HANDLER": "x.y"}}, {"workflow_core.E003"}),
]


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(("changes", "ids"), CASES)
def test_each_fault_has_its_id(settings: Settings, changes: dict[str, Any], ids: set[str]) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    assert found(deploy=True) == ids


def test_a_bad_key_file_is_found_and_none_is_made(settings: Settings, tmp_path: Path) -> None:
    settings.DB_ENCRYPTION_KEY = ""
    assert found() == set()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / KEY_FILE).write_text("x")
    assert found() == {"workflow_core.E001"}
