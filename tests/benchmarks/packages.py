"""How public packages' networks fare: rows of docs/measured/packages.csv, told in docs/engine.md.

python -m tests.benchmarks.packages draw       the list of networks, tests/benchmarks/packages.csv
python -m tests.benchmarks.packages measure    every network of it, ours and both peers; goes on where it was
                                               stopped. --side NAME: one of them; --anew: what is there, too
Needs timm, segmentation-models-pytorch, pytorchcv, torch-pruning and torch-kirigami, which the project itself
does not: an environment on top of the project's own, outside of it, from the project's root:

    python3 -m venv ENV
    echo "$PWD"/.venv/lib/python3.*/site-packages > "$(echo ENV/lib/python3.*/site-packages)"/base.pth
    ENV/bin/python -m pip install --no-deps timm==1.0.31 segmentation-models-pytorch==0.6.0 \\
        pytorchcv==0.0.74 torch-pruning==1.6.1 torch-kirigami==0.2.1
    ENV/bin/python -m pip install huggingface-hub==2.4.0
    OMP_NUM_THREADS=1 ENV/bin/python -m tests.benchmarks.packages measure

Nothing is downloaded: all weights are random.
"""

import argparse
import contextlib
import csv
import multiprocessing
import os
import random
import resource
import signal
import time
from collections import defaultdict

import torch

from pruning.bench.measure import resident
from pruning.channels.structure import DERIVED
from tests.benchmarks.engine_rows import first_line
from tests.benchmarks.measured import ROOT
from tests.benchmarks.packages_networks import PACKAGES, built, network, strata
from tests.benchmarks.packages_sides import PLAIN, SIDES

LIST = ROOT / "tests" / "benchmarks" / "packages.csv"
ROWS = ROOT / "docs" / "measured" / "packages.csv"
EACH = 60  # networks of a package
MOST = 40e6  # parameters: three tools and a machine of two cores
SECONDS, GIGABYTES = 30, 6.0  # of a core, and resident: a network and side over either is stopped
COLUMNS = (
    *("package", "network", "side", "verdict", "detail", "groups", "layers", "prunable", "left", "reach"),
    *("difference", "seconds", "whole", "left_out"),
)


def draw():
    """Round after round one network of every family, families and networks in seeded random order; those
    with more parameters than MOST, and those that cannot be built without what is not there, are passed
    over."""
    chosen = []
    for package in PACKAGES:
        order = random.Random(0)
        families = [order.sample(names, len(names)) for _, names in sorted(strata(package).items())]
        order.shuffle(families)
        found = []
        while len(found) < EACH and any(families):
            for names in families:
                while names and len(found) < EACH:
                    size = parameters(package, name := names.pop())
                    if 0 < size <= MOST:
                        found.append({"package": package, "network": name, "parameters": size})
                        break
        chosen += found
        print(package, len(found), flush=True)
    with LIST.open("w", newline="") as file:
        writer = csv.DictWriter(file, ("package", "network", "parameters"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(chosen)


def parameters(package: str, name: str) -> int:
    """How many the network has; 0 where it cannot be built."""
    for device in ("meta", "cpu"):  # some ask for values as they are built
        try:
            with torch.device(device):
                return sum(p.numel() for p in built(package, name).parameters())
        except Exception as error:
            print(f"{package} {name}, {device}: {first_line(error)}", flush=True)
    return 0


def listed() -> list[dict]:
    """The drawn networks, one of each package in turn, so that a run that is ended is fair to all."""
    with LIST.open(newline="") as file:
        drawn = list(csv.DictReader(file))
    by_package = defaultdict(list)
    for row in drawn:
        by_package[row["package"]].append(row)
    return [rows[n] for n in range(EACH) for rows in by_package.values() if n < len(rows)]


def rows() -> dict[tuple[str, str, str], dict]:
    """{(package, network, side): row}; of a network measured again, the last."""
    if not ROWS.exists():
        return {}
    with ROWS.open(newline="") as file:
        return {(row["package"], row["network"], row["side"]): row for row in csv.DictReader(file)}


def written(found: dict[tuple, dict]):
    ROWS.parent.mkdir(exist_ok=True)
    half = ROWS.with_suffix(".half")
    with half.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found[key] for key in sorted(found))
    half.replace(ROWS)


def measure(sides: tuple[str, ...], *, anew: bool = False, only: tuple[str, ...] = ()):
    """Rows of these sides, one network after the other, each written as it is found."""
    import segmentation_models_pytorch  # noqa: F401 (all once, before the forks)
    import timm  # noqa: F401
    import torch_kirigami.pruning  # noqa: F401
    import torch_pruning  # noqa: F401

    found = rows()
    for asked in listed():
        for side in sides:
            key = (asked["package"], asked["network"], side)
            if (key in found and not anew) or (only and asked["network"] not in only):
                continue
            own = found.get((*key[:2], "ours"), {})
            if side == PLAIN and DERIVED not in own.get("whole", ""):
                continue
            row = dict(zip(COLUMNS, key, strict=False)) | in_a_child(*key)
            found = rows() | {key: row}
            written(found)
            told = {name: value for name, value in row.items() if name not in ("whole", "left_out")}
            print(*told.values(), flush=True)


def in_a_child(package: str, name: str, side: str) -> dict:
    """A row of one side, from a forked process with limits of its own."""
    forked = multiprocessing.get_context("fork")
    here, there = forked.Pipe()
    process = forked.Process(target=in_the_child, args=(package, name, side, there))
    process.start()
    there.close()
    try:
        while not here.poll(0.05):
            if resident(process.pid) > GIGABYTES * 1e9:
                return {"verdict": "stopped", "detail": f"over {GIGABYTES:g} GB"}
        return here.recv()
    except EOFError:
        process.join()
        late = process.exitcode == -signal.SIGXCPU
        return {"verdict": "stopped", "detail": f"over {SECONDS} s" if late else f"exit {process.exitcode}"}
    finally:  # also when the user stops us
        process.kill()
        process.join()


def in_the_child(package: str, name: str, side: str, parent):
    torch.set_num_threads(1)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # the peers may print
        try:
            model, example = network(package, name)
        except Exception as error:
            parent.send({"verdict": "no example", "detail": first_line(error)})
            return
        used = int(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + SECONDS, used + SECONDS + 5))
        start = time.process_time()
        try:
            row = SIDES[side](model, example)
        except Exception as error:  # whatever it raises is its answer for this network
            row = {"verdict": "refused", "detail": first_line(error)}
        parent.send({"seconds": f"{time.process_time() - start:.2f}", **row})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("draw", "measure"))
    parser.add_argument("--networks", nargs="+", default=(), help="these alone")
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--anew", action="store_true", help="also what was measured before")
    given = parser.parse_args()
    if given.part == "draw":
        draw()
    else:
        sides = (given.side,) if given.side else tuple(SIDES)
        measure(sides, anew=given.anew, only=tuple(given.networks))


if __name__ == "__main__":
    main()
