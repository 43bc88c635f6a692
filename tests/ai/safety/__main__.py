"""`python -m tests.ai.safety`: how well values are found in a large set. --n 10000 --seed 1."""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.ai.safety.corpus import samples
from tests.ai.safety.scoring import score
from tests.support.options import at_least_one, natural

RECALL, PRECISION = 0.98, 0.95


def main() -> int:
    parser = argparse.ArgumentParser(prog="make redaction", description=__doc__)
    parser.add_argument("--n", type=at_least_one, default=10_000, help="how many texts")
    parser.add_argument("--seed", type=natural, default=secrets.randbelow(2**32))
    parser.add_argument("--show", type=natural, default=0, help="so many of each kind of error")
    given = parser.parse_args()
    count, seed = given.n, given.seed
    print(f"{count} texts, SEED={seed}")
    result = score(samples(seed, count))
    print(result.table())
    for name, lines in (("missed", result.missed), ("wrong", result.wrong)):
        for line in lines[: given.show]:
            print(name, line)
    good = result.recall() >= RECALL and result.precision() >= PRECISION
    print(f"bars: recall {RECALL}, precision {PRECISION}: {'met' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
