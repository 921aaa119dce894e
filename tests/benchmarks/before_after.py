"""Score, allocate, reconstruct and match beside an earlier build: seconds in turns, and what a step asks for.

python -m tests.benchmarks.before_after --before REVISION [--network resnet56] [--cut 0.7] [--rounds 2]

Each build runs in a process of its own, in turns, with its own default of steps; this one also with those of
--steps. Right answers are of 2,000 training pictures of CIFAR-10 as JPEG, and how often both networks agree
there. What a GPU would be asked for, by the profiler on the processor: operators that compute, a step; values
that are waited for (`item`), in 40 steps. Rows of docs/measured/before_after.csv. Needs PRUNING_DATA.
"""

import argparse
import csv
import inspect
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.measured import ROOT

ROWS = ROOT / "docs" / "measured" / "before_after.csv"
STAGES = ("score", "allocate", "reconstruct", "match")
COLUMNS = ("build", "revision", "round", "network", "cut", "steps", *STAGES)
COLUMNS += ("processor", "correct", "agree", "images", "operators", "waits", "threads", "torch")
PICTURES, SEED = 2000, 7
COUNTED = 20  # steps whose operators are counted; of as many again, so that what comes once is left out


def one_run(network: str, cut: float, steps: int, threads: int, counting: int) -> dict:
    """Runs in the process of one build, so it imports what both have. steps: 0 for the build's own default.
    counting: steps in which operators are counted, 0 for none."""
    import torch

    from pruning.experiment import Recipe
    from pruning.experiment.loading import load

    torch.set_num_threads(threads)
    folder = Path(os.environ["PRUNING_DATA"])
    weights = folder / {"resnet20": "resnet20-12fca82f.th", "resnet56": "resnet56-4bfd9763.th"}[network]
    given = {"data": str(folder / "cifar10_subset.npz"), "checkpoint": str(weights), "normalize": "imagenet"}
    steps = steps or Recipe().match_steps
    recipe = Recipe(model=network, criterion="reconstruction", allocation="error", cut=cut, **given)
    loaded = load(recipe)
    told, plan, small = _timed(loaded, steps)
    told |= said(loaded.model, small) | {"steps": steps, "torch": torch.__version__}
    return told | (asked_for(lambda n: _matched(loaded, plan, n), counting) if counting else {})


def _timed(loaded, steps: int) -> tuple:
    """({stage: seconds, processor: seconds of all of them}, plan, repaired network)"""
    import time

    import pruning
    from pruning.experiment.planning import planned, scores_of

    seconds, clock, begun = {}, [time.perf_counter()], time.process_time()

    def ended(stage: str):
        seconds[stage] = round(time.perf_counter() - clock[0], 3)
        clock[0] = time.perf_counter()

    def watch(stage, done, total, **values):
        if values.get("message") == "reconstruct" and done == total:
            ended("reconstruct")

    scores = scores_of(loaded)
    ended("score")
    plan = planned(loaded.recipe, loaded.graph, scores, loaded.data)
    ended("allocate")
    small = pruning.cut(loaded.model, plan)
    how = {"match_steps": steps, "calibration": 1000}
    pruning.repair(small, plan, loaded.model, loaded.data, "match", watch=watch, **how)
    ended("match")
    return seconds | {"processor": round(time.process_time() - begun, 1)}, plan, small


def _matched(loaded, plan, steps: int):
    import pruning

    small = pruning.cut(loaded.model, plan)
    how = {"match_steps": steps, "calibration": 1000, "reconstructed": True}
    pruning.repair(small, plan, loaded.model, loaded.data, "match", **how)


def said(whole, small) -> dict:
    """Of training pictures as JPEG: how many are answered right, and as by the whole network."""
    import io
    import zipfile

    import torch
    from PIL import Image

    from pruning.data.calibration import to_tensor

    with zipfile.ZipFile(Path(os.environ["PRUNING_DATA"]) / "cifar10_jpeg.zip") as file:
        names = sorted(name for name in file.namelist() if name.startswith("train/") and "." in name)
        classes = sorted({name.split("/")[1] for name in names})
        names = [names[k] for k in np.random.default_rng(SEED).permutation(len(names))[:PICTURES]]
        opened = (Image.open(io.BytesIO(file.read(name))).convert("RGB") for name in names)
        inputs = to_tensor(np.stack([np.asarray(image) for image in opened]), whole.origin.normalization)
    labels = torch.tensor([classes.index(name.split("/")[1]) for name in names])
    with torch.no_grad():
        one, other = (torch.cat([m.eval()(x).argmax(1) for x in inputs.split(200)]) for m in (whole, small))
    right, alike = int((other == labels).sum()), int((one == other).sum())
    return {"correct": right, "agree": alike, "images": len(names)}


def asked_for(match, steps: int) -> dict:
    """Operators that compute, of a step; values waited for, of twice as many steps and what comes once."""
    from torch.profiler import ProfilerActivity, profile

    views = set("view reshape t transpose permute expand slice select as_strided detach unsqueeze".split())
    views |= set("squeeze split narrow unflatten flatten alias diagonal movedim empty empty_like".split())
    totals = []
    for number in (steps, 2 * steps):
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            match(number)
        counts = {}
        for event in profiled.events():
            name = event.name.removeprefix("aten::")
            outer = event.cpu_parent is not None and event.cpu_parent.name.startswith("aten::")
            if event.name.startswith("aten::") and not outer and name not in views:
                counts[name] = counts.get(name, 0) + 1
        waits = sum(1 for event in profiled.events() if event.name == "aten::_local_scalar_dense")
        totals.append((sum(counts.values()), waits))
    (fewer, _), (more, waits) = totals
    return {"operators": round((more - fewer) / steps), "waits": waits}


def in_child(folder: Path, given, steps: int, counting: int) -> dict:
    """`one_run` with the build in that folder."""
    names = {"network": given.network, "cut": given.cut, "steps": steps, "threads": given.threads}
    names["counting"] = counting
    code = "import json, os, sys\nfrom pathlib import Path\nimport numpy as np\n"
    code += f"PICTURES, SEED = {PICTURES}, {SEED}\n"
    code += "\n".join(inspect.getsource(part) for part in (one_run, _timed, _matched, said, asked_for))
    code += f"\nprint(json.dumps(one_run(**{names!r})))"
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": str(given.threads)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def keep(row: dict):
    new = not ROWS.exists()
    with ROWS.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(row, flush=True)


def main(given: argparse.Namespace):
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        git("worktree", "add", "--detach", str(before), given.before)
        try:
            builds = {"before": (before, git("rev-parse", "--short", given.before), (0,))}
            builds["now"] = (ROOT, git("rev-parse", "--short", "HEAD"), (0, *given.steps))
            for number in range(given.rounds):
                for build, (where, revision, several) in builds.items():
                    for steps in several:
                        counting = COUNTED if number == 0 and steps == 0 else 0
                        told = in_child(where, given, steps, counting)
                        told |= {"build": build, "revision": revision, "round": number}
                        keep(told | {name: getattr(given, name) for name in ("network", "cut", "threads")})
        finally:
            git("worktree", "remove", "--force", str(before))


def table() -> list[str]:
    """A row a build and number of steps, means over rounds. The share is of the earlier build's processor
    time, which other work on the machine changes less."""
    if not ROWS.exists():
        return ["Not measured yet."]
    with ROWS.open(newline="") as file:
        known = list(csv.DictReader(file))
    groups: dict[tuple[str, str], list[dict]] = {}
    for row in known:
        groups.setdefault((row["build"], row["steps"]), []).append(row)
    head = ["build", "steps", "rounds", *STAGES, "processor", "of before"]
    head += ["right", "as the whole", "operators", "waits"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    first = np.mean([float(row["processor"]) for row in known if row["build"] == "before"])
    for (build, steps), rows in groups.items():
        mean = {
            name: np.mean([float(row[name]) for row in rows]) for name in (*STAGES, "processor", "images")
        }
        cells = [build, steps, str(len(rows)), *(f"{mean[stage]:.1f}" for stage in STAGES)]
        cells += [f"{mean['processor']:.0f}", f"{mean['processor'] / first:.2f}"]
        for name in ("correct", "agree"):
            cells += [f"{100 * np.mean([int(row[name]) for row in rows]) / mean['images']:.1f}"]
        cells += [next((row[name] for row in rows if row[name]), "") for name in ("operators", "waits")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", required=True, help="a revision of the project")
    parser.add_argument("--network", default="resnet56", choices=("resnet20", "resnet56"))
    parser.add_argument("--cut", type=float, default=0.7)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--steps", type=int, nargs="*", default=(100,), help="of this build, beside its default"
    )
    main(parser.parse_args())
