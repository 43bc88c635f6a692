"""What commands of the Makefile are asked for, refused in one sentence where it does not fit."""

from __future__ import annotations

import argparse
import math


def at_least_one(text: str) -> int:
    """For argparse: a whole number, 1 or more."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1, not {text!r}")
    return number


def natural(text: str) -> int:
    """For argparse: a whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number, not {text!r}")
    return int(text)


def above_zero(text: str) -> float:
    """For argparse: a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"a number above 0, not {text!r}")
    return number
