from __future__ import annotations

import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from core.encryption import key_id
from core.keys import KEY_FILE, current_keyring, decode_key, read_or_make_key_file

ROOT = Path(__file__).resolve().parents[2]
RACE = """
import sys, time
from pathlib import Path
from core.keys import read_or_make_key_file
path, start = Path(sys.argv[1]), float(sys.argv[2])
while time.time() < start: pass
sys.stdout.write(read_or_make_key_file(path).hex())
"""


def test_the_settings_key_comes_first(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.DB_ENCRYPTION_KEY = b64encode(b"k" * 32).decode()
    assert current_keyring().active == key_id(b"k" * 32)
    assert not (tmp_path / KEY_FILE).exists()
    assert current_keyring() is current_keyring()


def test_without_it_a_private_file_is_made_once(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "new"
    settings.DB_ENCRYPTION_KEY = ""
    active = current_keyring().active
    path = settings.DATA_DIR / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_id(read_or_make_key_file(path)) == active
    assert [file.name for file in path.parent.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("text", ["", "x", "é", b64encode(b"k" * 31).decode(), "k" * 32])
def test_a_bad_key_says_how_to_make_one(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DB_ENCRYPTION_KEY .*openssl rand -base64 32"):
        decode_key(text, source="DB_ENCRYPTION_KEY")


def test_white_space_around_a_key_is_harmless() -> None:
    assert decode_key(f" {b64encode(b'k' * 32).decode()}\n", source="a file") == b"k" * 32


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    read_or_make_key_file(path)
    path.chmod(0o640)
    with pytest.raises(ImproperlyConfigured, match="chmod 600"):
        read_or_make_key_file(path)


def test_an_empty_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    path.touch(mode=0o600)
    with pytest.raises(ImproperlyConfigured, match=KEY_FILE):
        read_or_make_key_file(path)
    assert path.read_bytes() == b""


def test_processes_that_race_get_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / KEY_FILE
    start = time.time() + 2
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(path), str(start)], cwd=ROOT, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    keys = {racer.communicate(timeout=30)[0] for racer in racers}
    assert all(racer.returncode == 0 for racer in racers)
    assert keys == {read_or_make_key_file(path).hex().encode()}
    assert [file.name for file in path.parent.iterdir()] == [KEY_FILE]
