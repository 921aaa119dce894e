"""python -m pruning.shipped: what the app shows of the bundled networks before anything is computed."""

import argparse
import sys

from pruning.models import bundled
from pruning.progress_bars import Bars
from pruning.shipped.building import make, stale, verify
from pruning.shipped.store import file_of

HELP = "Computes what is missing or stale, and keeps the rest; what is finished is kept when it is ended."


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pruning.shipped", description=HELP)
    parser.add_argument("--network", help="one of the bundled networks alone, such as resnet20-digits")
    parser.add_argument("--list", action="store_true", help="says what is stale, and computes nothing")
    text = "computes a seeded sample anew; where values are equal all of their kind count as current"
    parser.add_argument("--verify", action="store_true", help=text)
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    given = parser.parse_args()
    pairs = [pair for pair in bundled() if given.network in (None, "-".join(pair))]
    if not pairs:
        listed = ", ".join("-".join(pair) for pair in bundled())
        parser.error(f"there is no bundled network {given.network}; give one of {listed}")
    if given.list:
        found = [(pair, *told) for pair in pairs for told in stale(*pair)]
        for pair, question, why in found:
            print(f"{'-'.join(pair)}: {question.place} ({why})")
        return bool(found)
    if given.verify:
        return any([verify(*pair, given.seed) for pair in pairs])
    with Bars() as bars:
        make(pairs, bars)
    for pair in pairs:
        print(f"{file_of(*pair).name}: {file_of(*pair).stat().st_size / 2**20:.2f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
