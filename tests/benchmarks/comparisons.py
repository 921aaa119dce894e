"""What a comparison costs and survives: `python -m tests.benchmarks.comparisons PART`, then docs/compare.md.

speed: 54 recipes beside the same recipes run one by one.   overhead: of 200 works of one second.   queue:
10,000 recipes planned and queued.   faults: worker processes killed 20 times and the command twice, on 54
recipes.   full-disk: the same with a store on a small disk, which is then made larger (as root, who may mount
one).   server: the same with a server of MLflow, stopped in the middle and started again ($MLFLOW is the
program of an environment that has it).   cluster: 54 recipes on a scheduler over TLS. Each part adds its rows
to docs/measured/comparisons.csv.
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
from tests.browser.server import OPENER, free_port

ROWS = ROOT / "docs" / "measured" / "comparisons.csv"
COLUMNS = ("part", "what", "value", "unit", "cores", "torch", "mlflow", "command")
LISTS = "--models resnet20 --datasets digits --criteria cpot di catro l1 fpgm random".split()
LISTS += "--cuts 0.3 0.5 0.7 --seeds 0 1 2 --epochs 1 --controls none".split()
ASKED = 54  # recipes in the lists
ALONE = [("cpot", 0.5, 0), ("di", 0.3, 1), ("l1", 0.7, 2), ("random", 0.5, 0)]  # of the 54, one by one
WORKS, SECONDS = 200, 1.0
KILLS, MANY = 20, 10_000
SMALL, GONE = 12, 20  # MB of a disk that gets full; seconds without a server


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
    if not (out / "results.csv").exists():
        return []
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
        words = "run --model resnet20 --data digits --epochs 1 --criterion".split()
        words += [criterion, "--cut", str(cut), "--seed", str(seed)]
        start = time.perf_counter()
        subprocess.run(command(place / f"{criterion}{cut}{seed}", *words), check=True)
        alone += time.perf_counter() - start
        from pruning import load_report

        tuned = load_report(place / f"{criterion}{cut}{seed}")["values"]["tuned"]
        same += repr(tuned) == done[criterion, str(cut), str(seed)]
    add("speed", "54 recipes by compare", whole, "s")
    add("speed", f"one recipe by run, mean of {len(ALONE)}", alone / len(ALONE), "s")
    add("speed", "compare, of the time of 54 runs", whole / (ASKED * alone / len(ALONE)), "share")
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
    add("faults", "worker processes killed", killed, "times")
    add("faults", "the command killed", ended, "times")
    counted("faults", "", place)


def counted(part: str, when: str, place: Path):
    """What there is in the end of so many recipes. when: what had happened, to be told in every row."""
    from pruning.runs import RunStore

    told = [row["status"] for row in rows(place / "out")]
    with RunStore(None if "MLFLOW_TRACKING_URI" in os.environ else place / "runs") as kept:
        keys = [run.key for run in kept.runs() if run.status == "finished"]
    add(part, f"finished rows of {ASKED}{when}", told.count("finished"), "rows")
    add(part, f"lost rows{when}", told.count("lost"), "rows")
    add(part, f"recipes finished twice{when}", len(keys) - len(set(keys)), "recipes")


def full_disk():
    """In a name space of its own, so that the mount is nobody else's and ends with it."""
    subprocess.run(["unshare", "--mount", sys.executable, "-m", __spec__.name, "on-small-disk"], check=True)


def on_small_disk():
    place = Path(tempfile.mkdtemp())
    (place / "runs").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}m", "tmpfs", str(place / "runs")]
    subprocess.run(mount, check=True)
    words, part, when = command(place / "out", "compare", *LISTS), "full-disk", ", after a full disk"
    first = subprocess.run(words, env=environment(place), stderr=subprocess.PIPE, text=True)
    said = [line for line in first.stderr.splitlines() if "store of runs" in line]
    print(*said, sep="\n", flush=True)
    assert first.returncode == 2 and len(said) == 1 and "cannot be written" in said[0], first.stderr
    before = {row["run"] for row in rows(place / "out") if row["status"] == "finished"}
    add(part, f"finished rows when a disk of {SMALL} MB was full", len(before), "rows")
    subprocess.run(["mount", "-o", "remount,size=1g", str(place / "runs")], check=True)
    subprocess.run(words, env=environment(place), check=True, stderr=subprocess.DEVNULL)
    after = {row["run"] for row in rows(place / "out")}
    add(part, "of these, not there any more after one repetition", len(before - after), "rows")
    counted(part, when, place)


def server():
    """Of a team: stopped with SIGTERM once a third of the rows is there, gone for some seconds."""
    place = Path(tempfile.mkdtemp())
    port = free_port()
    os.environ |= {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}", "PRUNING_RUNS": str(place / "runs")}
    part = "server"
    running, when = serving(place, port), f", after the server was gone for {GONE} s"
    words, repetitions = command(place / "out", "compare", *LISTS), -1
    try:
        code = None
        while code != 0:
            process = subprocess.Popen(words, env=environment(place), stderr=subprocess.PIPE, text=True)
            while repetitions < 0 and process.poll() is None and len(rows(place / "out")) < ASKED // 3:
                time.sleep(0.5)
            if repetitions < 0:
                end(running)
                time.sleep(GONE)
                running = serving(place, port)
            said = process.communicate()[1]
            code, repetitions = process.returncode, repetitions + 1
            print(*(line for line in said.splitlines() if "store of runs" in line), sep="\n", flush=True)
        add(part, f"repetitions of the command for {ASKED}{when}", repetitions, "times")
        counted(part, when, place)
    finally:
        end(running)


def on_cluster():
    from tests.benchmarks.comparison_cluster import measure

    measure()


def serving(place: Path, port: int) -> subprocess.Popen:
    """A server of MLflow, once it answers."""
    folder = place / "server"
    folder.mkdir(exist_ok=True)
    words = [os.environ["MLFLOW"], "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(words, cwd=folder, **quiet)
    end_of_wait = time.monotonic() + 120
    while time.monotonic() < end_of_wait:
        try:
            with OPENER.open(f"http://127.0.0.1:{port}/health", timeout=5):
                return process
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the server of MLflow did not answer within two minutes")


def end(process: subprocess.Popen):
    """It and the processes that it has started, which are a group of their own."""
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()


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
# they need more of a machine
OF_A_MACHINE = {
    "full-disk": full_disk,
    "on-small-disk": on_small_disk,
    "server": server,
    "cluster": on_cluster,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        (PARTS | OF_A_MACHINE)[name]()
