"""`python -m tests.ai.safety`: how well values are found in a large set. N=10000, SEED=1."""

from __future__ import annotations

import os
import secrets
import sys

from tests.ai.safety.corpus import samples
from tests.ai.safety.scoring import score

RECALL, PRECISION = 0.98, 0.95


def main() -> int:
    count = int(os.environ.get("N") or 10_000)
    seed = int(os.environ.get("SEED") or secrets.randbelow(2**32))
    print(f"{count} texts, SEED={seed}")
    result = score(samples(seed, count))
    print(result.table())
    shown = int(os.environ.get("SHOW") or 0)
    for name, lines in (("missed", result.missed), ("wrong", result.wrong)):
        for line in lines[:shown]:
            print(name, line)
    good = result.recall() >= RECALL and result.precision() >= PRECISION
    print(f"bars: recall {RECALL}, precision {PRECISION}: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
