from __future__ import annotations

import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.keys.files import KEY_FILE, decode_key, decode_keys, read_or_make_keys

ROOT = Path(__file__).resolve().parents[2]
RACE = """
import sys, time
from pathlib import Path
from core.keys.files import read_or_make_keys
path, start = Path(sys.argv[1]), float(sys.argv[2])
while time.time() < start: pass
sys.stdout.write(read_or_make_keys(path)[0].hex())
"""


def test_a_private_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / KEY_FILE
    [key] = read_or_make_keys(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_or_make_keys(path) == [key]
    assert [file.name for file in path.parent.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("separator", ["\n", ",", " , ", "\n\n"])
def test_keys_come_in_order(separator: str) -> None:
    text = separator.join(b64encode(key * 32).decode() for key in (b"n", b"o"))
    assert decode_keys(text, source="x") == [b"n" * 32, b"o" * 32]


@pytest.mark.parametrize("text", ["", "x", "é", b64encode(b"k" * 31).decode(), "k" * 32])
def test_a_bad_key_says_how_to_make_one(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DB_ENCRYPTION_KEY .*openssl rand -base64 32"):
        decode_keys(text, source="DB_ENCRYPTION_KEY")


def test_white_space_around_a_key_is_harmless() -> None:
    assert decode_key(f" {b64encode(b'k' * 32).decode()}\n", source="a file") == b"k" * 32


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    read_or_make_keys(path)
    path.chmod(0o640)
    with pytest.raises(ImproperlyConfigured, match="chmod 600"):
        read_or_make_keys(path)


def test_an_empty_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    path.touch(mode=0o600)
    with pytest.raises(ImproperlyConfigured, match=KEY_FILE):
        read_or_make_keys(path)
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
    assert keys == {read_or_make_keys(path)[0].hex().encode()}
    assert [file.name for file in path.parent.iterdir()] == [KEY_FILE]
