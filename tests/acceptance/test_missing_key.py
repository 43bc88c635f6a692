"""A key file that is gone is not replaced: every process says what is missing, and waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection
from pytest_django import Settings

from core.audit import anchors, sealing
from core.encryption import key_id
from core.errors import KeyUnavailable
from core.keys import masters
from core.keys.files import KEY_FILE, read_keys
from core.keys.ring import data_keys
from core.models import DataKey, Scope
from core.tokens import issue_token
from tests.core.audit.conftest import write
from tests.support.cast import SAMPLE, member, work
from tests.support.serving import serving
from tests.support.workers import ROOT
from tests.support.workflows import start


@pytest.fixture
def key_file(own_keys: bytes, settings: Settings) -> Path:
    """The file in which the platform has made its master key, beside a new database."""
    settings.DB_ENCRYPTION_KEY = ""
    data_keys.active_kid()
    return Path(settings.DATA_DIR / KEY_FILE)


def variables(key_file: Path) -> dict[str, str]:
    return {
        "DB_NAME": str(connection.settings_dict["NAME"]),
        "DATA_DIR": str(key_file.parent),
        "DB_ENCRYPTION_KEY": "",
        "KEY_PROVIDER": "",
    }


def command(key_file: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables(key_file)},
    )


def test_a_file_that_is_gone_is_not_replaced(key_file: Path, tmp_path: Path) -> None:
    owner = member("owner").user
    run = work(start(SAMPLE, user=owner, data={"amount": 5}))
    _, token = issue_token(user=owner, scope=Scope.READ)
    write(1)
    sealing.seal()
    assert anchors.path().exists()
    master = key_id(read_keys(key_file)[0])
    assert (masters.missing(), masters.health().ok) == ([], True)
    away = key_file.rename(tmp_path / "away")

    def get(path: str) -> Any:
        answer = requests.get(
            f"http://127.0.0.1:{server.port}{path}",
            headers={"Authorization": f"Token {token}"},
            timeout=20,
        )
        return answer.status_code, answer.json()

    with serving(tmp_path, **variables(key_file)) as server:
        status, body = get(f"/api/v1/executions/{run.id}")
        assert (status, body["code"]) == (503, "key_unavailable")
        status, body = get("/health")
        assert (status, body["parts"]["keys"]["state"]) == (503, "down")
        assert body["parts"]["keys"]["missing"] == [master]
        shown = command(key_file, "keys", "status")
        assert shown.returncode == 0, shown.stderr
        assert f"MISSING: the master key {master} (file)" in shown.stdout
        proved = command(key_file, "audit", "verify")
        assert proved.returncode == 1
        assert "Traceback" not in proved.stderr
        assert "cannot be proved without its key" in proved.stderr
        assert KEY_FILE in proved.stderr
        assert not key_file.exists()
        away.rename(key_file)
        assert get("/health")[1]["parts"]["keys"]["state"] == "ok"
    assert command(key_file, "audit", "verify").returncode == 0
    with serving(tmp_path, **variables(key_file)) as server:
        assert get(f"/api/v1/executions/{run.id}")[0] == 200


def test_another_file_does_not_pass_for_it(key_file: Path) -> None:
    master = key_id(read_keys(key_file)[0])
    key_file.unlink()
    data_keys.forget()
    with pytest.raises(KeyUnavailable, match="is not in DATA_DIR"):
        data_keys.active_kid()
    assert not key_file.exists()
    key_file.write_text("b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q=\n")
    key_file.chmod(0o600)
    data_keys.forget()
    with pytest.raises(KeyUnavailable, match=master):
        data_keys.active_kid()
    assert [(each.id, each.keys) for each in masters.missing()] == [
        (master, DataKey.objects.count())
    ]
