"""What a comparison costs and survives: `python -m tests.benchmarks.comparisons PART`, then docs/compare.md.

speed: 54 recipes beside the same recipes run one by one.   overhead: of 200 works of one second.   queue:
10,000 recipes planned and queued.   faults: worker processes killed 20 times and the command twice, on 54
recipes. Each part adds its rows to docs/measured/comparisons.csv.
"""

import csv
import os
import platform
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from tests import errands
from tests.benchmarks.measured import ROOT

ROWS = ROOT / "docs" / "measured" / "comparisons.csv"
COLUMNS = ("part", "what", "value", "unit", "cores", "torch", "mlflow", "command")
LISTS = [
    "--models",
    "resnet20",
    "--datasets",
    "digits",
    "--criteria",
    "cpot",
    "di",
    "catro",
    "l1",
    "fpgm",
    "random",
]
LISTS += ["--cuts", "0.3", "0.5", "0.7", "--seeds", "0", "1", "2", "--epochs", "1", "--controls", "none"]
ALONE = [("cpot", 0.5, 0), ("di", 0.3, 1), ("l1", 0.7, 2), ("random", 0.5, 0)]  # of the 54, one by one
WORKS, SECONDS = 200, 1.0
KILLS, MANY = 20, 10_000


def add(part: str, what: str, value: float, unit: str):
    new = not ROWS.exists()
    with ROWS.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        versions = (version("torch"), version("mlflow-skinny"))
        command = f"python -m tests.benchmarks.comparisons {part}"
        writer.writerow([part, what, f"{value:.4g}", unit, os.cpu_count(), *versions, command])
    print(f"{part}: {what}: {value:.4g} {unit} ({platform.machine()})", flush=True)


def command(out: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "pruning", *words, "--out", str(out)]


def environment(place: Path) -> dict[str, str]:
    return {**os.environ, "PRUNING_RUNS": str(place / "runs"), "PYTHONPATH": str(ROOT)}


def rows(out: Path) -> list[dict]:
    with (out / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def speed():
    place = Path(tempfile.mkdtemp())
    start = time.perf_counter()
    subprocess.run(command(place / "all", "compare", *LISTS), env=environment(place), check=True)
    whole = time.perf_counter() - start
    done = {(r["criterion"], r["cut"], r["seed"]): r["accuracy_tuned"] for r in rows(place / "all")}
    alone, same = 0.0, 0
    for criterion, cut, seed in ALONE:
        words = [
            "run",
            "--model",
            "resnet20",
            "--data",
            "digits",
            "--criterion",
            criterion,
            "--cut",
            str(cut),
        ]
        words += ["--seed", str(seed), "--epochs", "1"]
        start = time.perf_counter()
        subprocess.run(command(place / f"{criterion}{cut}{seed}", *words), check=True)
        alone += time.perf_counter() - start
        from pruning import load_report

        tuned = load_report(place / f"{criterion}{cut}{seed}")["values"]["tuned"]
        same += repr(tuned) == done[criterion, str(cut), str(seed)]
    add("speed", "54 recipes by compare", whole, "s")
    add("speed", f"one recipe by run, mean of {len(ALONE)}", alone / len(ALONE), "s")
    add("speed", "compare, of the time of 54 runs", whole / (54 * alone / len(ALONE)), "share")
    add("speed", f"equal accuracies to the last digit, of {len(ALONE)}", same, "recipes")
    shutil.rmtree(place)


def overhead():
    from pruning.runs.cluster import Keys, cluster
    from pruning.runs.dispatch import Dispatcher, Work

    with cluster(None, Keys(), 1) as client:
        answers: list = []
        ended = lambda work, answer, *_: answers.append(answer) or []  # noqa: E731
        dispatcher = Dispatcher(client, errands.nap, lambda work: None, ended)
        while len(dispatcher.workers()) < os.cpu_count():
            time.sleep(0.1)
        dispatcher.add([Work(SECONDS) for _ in range(WORKS)])
        start = time.perf_counter()
        dispatcher.run()
        took = time.perf_counter() - start
    assert answers == [SECONDS] * WORKS
    add("overhead", f"{WORKS} works of {SECONDS:g} s", took / (WORKS * SECONDS / os.cpu_count()) - 1, "share")


def queue():
    from pruning.runs import Comparison, RunStore
    from pruning.runs.compare import _Running

    place = Path(tempfile.mkdtemp())
    start = time.perf_counter()
    asked = Comparison(criteria=("l1", "l2", "fpgm", "cpot"), seeds=tuple(range(50)), controls="none",
                       cuts=tuple(k / 100 for k in range(10, 60)))  # fmt: skip
    running = _Running(asked, place, RunStore(place / "runs"), False, lambda *_, **__: None)
    running.begin()
    assert len(running.works) == asked.size == MANY
    add("queue", f"{MANY:,} recipes planned and queued", time.perf_counter() - start, "s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    add("queue", "peak memory of the process", peak, "GiB")


def faults():
    place, chance = Path(tempfile.mkdtemp()), random.Random(0)
    words, killed, ended = command(place / "out", "compare", *LISTS), 0, 0
    while True:
        process = subprocess.Popen(words, env=environment(place), stderr=subprocess.DEVNULL)
        while process.poll() is None:
            time.sleep(chance.uniform(2, 5))
            workers = [p for p in psutil.Process(process.pid).children(recursive=True) if busy(p)]
            if killed < KILLS and workers:
                chance.choice(workers).kill()
                killed += 1
            elif ended < 2 and killed >= KILLS // 2 * (ended + 1):
                process.send_signal(signal.SIGKILL)
                ended += 1
                process.wait()
        if process.returncode == 0:
            break
    told = [row["status"] for row in rows(place / "out")]
    from pruning.runs import RunStore

    finished = [run.key for run in RunStore(place / "runs").runs() if run.status == "finished"]
    add("faults", "worker processes killed", killed, "times")
    add("faults", "the command killed", ended, "times")
    add("faults", "finished rows of 54", told.count("finished"), "rows")
    add("faults", "lost rows", told.count("lost"), "rows")
    add("faults", "recipes finished twice", len(finished) - len(set(finished)), "recipes")


def busy(process: psutil.Process) -> bool:
    """Whether it is a worker at work: it has imported torch."""
    try:
        return process.memory_info().rss > 250 * 2**20 and process.cpu_percent(0.1) > 20
    except psutil.Error:
        return False


def parts() -> dict[str, list[str]]:
    """What of docs/compare.md comes from here: the latest row of every figure."""
    if not ROWS.exists():
        return {"comparisons": ["Not measured yet."]}
    with ROWS.open(newline="") as file:
        latest = {(row["part"], row["what"]): row for row in csv.DictReader(file)}
    table = ["| | |", "|---|---|"]
    return {"comparisons": [*table, *(f"| {row['what']} | {told(row)} |" for row in latest.values())]}


def told(row: dict[str, str]) -> str:
    value = float(row["value"])
    return f"{100 * value:.1f} %" if row["unit"] == "share" else f"{value:g} {row['unit']}"


PARTS = {"speed": speed, "overhead": overhead, "queue": queue, "faults": faults}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
