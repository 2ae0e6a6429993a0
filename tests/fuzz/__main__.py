"""``python -m tests.fuzz [--minutes N] [--seed S] [target ...]``: spoil good inputs and read them.

Each target runs in a process of its own, with limits on memory and on the time that one input may take. What does harm
is written to ``tests/corpus/<target>/`` after it was made as small as it could be; mend the code, and commit the input.
Where atheris is installed (``pip install atheris``), coverage leads the search; else it is blind, and the same for the same seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "workflow/scripts")]


def main() -> int:
    from tests.fuzz.running import search
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}; all, if none is named")
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    names = options.targets or [*TARGETS]
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}")
    harm = 0
    for name in names:
        found = search(name, seed=options.seed, seconds=options.minutes * 60 / len(names))
        print(found, flush=True)
        harm += bool(found.harm)
    return 1 if harm else 0


if __name__ == "__main__":
    sys.exit(main())
