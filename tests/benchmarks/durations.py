"""How well a run's length is foreseen: rows of docs/measured/durations.csv, told in docs/duration.md.

python -m tests.benchmarks.durations --threads 1 [--beside 1]     --beside: so many cores are kept busy

A row: the seconds foreseen before the run, those that it took, and what it said was left when half of them
had gone by; and the machine's load (processes that want a core, mean of a minute) before and after it.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from contextlib import contextmanager

from pruning.experiment import Recipe, run
from pruning.experiment.duration import pace_now, seconds_of
from pruning.experiment.loading import use_threads
from tests.benchmarks.criteria import filled
from tests.benchmarks.engine_rows import table
from tests.benchmarks.measured import ROOT
from tests.benchmarks.speed import machine

ROWS = ROOT / "docs" / "measured" / "durations.csv"
NETWORKS = (("resnet20", "digits"), ("vgg16_slim", "scenes"))
RECIPES = {
    "default, 25 steps of matching": {"match_steps": 25},
    "reconstruct": {"criterion": "reconstruction", "allocation": "error", "repair": "reconstruct"},
    "l1, 2 epochs": {"criterion": "l1", "epochs": 2},
}
COLUMNS = "network recipe threads cores beside load_before load_after foreseen took left_at_half".split()


@contextmanager
def busy(cores: int):
    """Inside, so many processes compute without end."""
    working = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in working:
            process.kill()


def foreseen_and_took(recipe: Recipe) -> dict:
    """foreseen, took: seconds.   left_at_half: what the run said was left, when half of them had gone by."""
    use_threads(recipe)
    told: list[tuple[float, float]] = []
    foreseen = seconds_of(recipe, pace_now(recipe))
    began = time.perf_counter()

    def watch(stage, done, total, **values):
        if "run_seconds_left" in values:
            told.append((time.perf_counter() - began, values["run_seconds_left"]))

    run(recipe, watch)
    took = time.perf_counter() - began
    at_half = next(left for passed, left in told if passed >= took / 2)
    return {"foreseen": round(foreseen, 1), "took": round(took, 1), "left_at_half": round(at_half, 1)}


def written(row: dict):
    """Adds a row to the table, with its header where it is the first."""
    ROWS.parent.mkdir(exist_ok=True)
    new = not ROWS.exists()
    with ROWS.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def durations_table() -> list[str]:
    with ROWS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = []
    for row in rows:
        foreseen, took, left = (float(row[name]) for name in ("foreseen", "took", "left_at_half"))
        cells = [row["network"], row["recipe"], row["threads"], row["beside"]]
        cells += [f"{row['load_before']} to {row['load_after']}", f"{foreseen:.0f}", f"{took:.0f}"]
        lines.append([*cells, f"{foreseen / took:.2f}", f"{left / (took / 2):.2f}"])
    head = ["network", "recipe", "threads", "cores kept busy", "load", "foreseen, s", "took, s"]
    return table([*head, "foreseen / took", "left at half, told / true"], lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beside", type=int, default=0, help="cores that are kept busy meanwhile")
    parser.add_argument(
        "--write", action="store_true", help="only the document, from the rows that there are"
    )
    given = parser.parse_args()
    if given.write:
        filled({"durations": durations_table(), "machine": [machine()]}, "duration.md")
        return
    for model, data in NETWORKS:
        for name, fields in RECIPES.items():
            recipe = Recipe(model=model, data=data, threads=given.threads, **fields)
            with busy(given.beside):
                before = round(os.getloadavg()[0], 1)
                found = foreseen_and_took(recipe)
                where = {"network": f"{model}-{data}", "recipe": name, "threads": given.threads}
                loads = {"load_before": before, "load_after": round(os.getloadavg()[0], 1)}
                written(where | {"cores": os.cpu_count(), "beside": given.beside} | loads | found)


if __name__ == "__main__":
    main()
