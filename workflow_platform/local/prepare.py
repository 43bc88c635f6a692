"""Brings a database up to date, before any process of the Procfile starts. Safe to repeat.

One process for all commands, since loading Django takes longer than each of them.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import django
from django.core.management import CommandError, call_command

COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("migrate", {"interactive": False, "verbosity": 0, "skip_checks": False}),
    ("load_catalogue", {}),  # categories and starter templates
    ("create_operator", {}),  # prints the password when it makes the account
)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workflow_platform.settings")
    django.setup()
    for name, options in COMMANDS:
        try:
            call_command(name, **options)
        except CommandError as error:
            print(f"manage.py {name}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
