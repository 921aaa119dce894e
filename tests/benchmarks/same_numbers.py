"""Whether two builds give the same numbers: each runs the same recipes by its own command line.

plan.json, recipe.json, predictions.npz, gates.npz and model.safetensors are compared byte by byte,
report.json value by value without what is a matter of time (seconds, latency, throughput, versions). What
only the second build says is no difference of numbers and is listed apart; what it no longer says, or says
otherwise, is one.

Usage: `python -m tests.benchmarks.same_numbers FIRST SECOND [--only NAME ...]`, two checkouts; prints a table
and ends with exit code 1 where a number differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[2]
LATENCY = ROOT / "tests" / "saved" / "0.1" / "latency" / "latency.json"
DIGITS = "--data digits --calibration 200 "
RECIPES = {  # name: flags of `run`
    "l1, uniform": DIGITS + "--criterion l1 --allocation uniform --cut 0.5 --repair none",
    "l2, global, params": DIGITS + "--criterion l2 --allocation global --measure params --repair recalibrate",
    "fpgm, refit": DIGITS + "--criterion fpgm --measure channels --cut 0.4 --repair reconstruct",
    "slimming, residual streams": DIGITS + "--criterion slimming --groups all --repair recalibrate",
    "energy, rounded": DIGITS + "--criterion energy --round-to 4 --repair recalibrate",
    "random, seed 3": DIGITS + "--criterion random --seed 3 --min-channels 2 --repair reconstruct",
    "taylor, protected": DIGITS
    + "--criterion taylor --protect layer1.0.conv1 --cut-group layer2.0.conv1=0.25",
    "di exact, greedy by di": DIGITS + "--criterion di --form exact --allocation greedy --search-by di",
    "di, greedy by kl": DIGITS + "--criterion di --allocation greedy --search-images 64 --cut 0.3",
    "catro, trace ratio, subtask": DIGITS + "--criterion catro --allocation trace-ratio --subtask 3 5 8",
    "cpot, spatial, few bits": DIGITS + "--criterion cpot --ground spatial --bits 4 --bits-by error",
    "cpot, maps": DIGITS + "--criterion cpot --distribution maps --repair recalibrate",
    "conductance": DIGITS + "--criterion conductance --images 20",
    "integrated gradients": DIGITS + "--criterion integrated_gradients --images 20 --labels shuffled",
    "gradient x activation": DIGITS + "--criterion gradient_x_activation --images 20 --allocation global",
    "best combination": DIGITS + "--match-steps 5",
    "best, MobileNetV2": "--model mobilenet_v2_slim --data scenes --calibration 100 --match-steps 2",
    "VGG, di, error": "--model vgg16_slim --data scenes --criterion di --allocation error "
    "--repair reconstruct --calibration 100",
    "distilled, bits tuned": DIGITS + "--criterion l1 --repair recalibrate --epochs 1 --distill --bits 4 "
    "--bits-epochs 1",
    "gates": DIGITS + "--criterion gdp --epochs 2 --blocks --groups all --cut 0.8",
    "gates, then as scores": DIGITS + "--criterion gdp --epochs 1 --allocation uniform --control frozen",
    "latency table given": DIGITS + f"--criterion l1 --measure latency --latency {LATENCY} --cut 0.3",
    "torchvision, random weights": "--model torchvision:resnet18 --checkpoint none --size 64 --data digits "
    "--criterion l2 --calibration 50 --groups all --cut 0.7",
}
FILES = ("plan.json", "recipe.json", "predictions.npz", "gates.npz", "model.safetensors")
OF_TIME = {"seconds", "latency_ms", "versions", "images_per_second", "took"}
# of both networks' measured times
TIMED_MESSAGES = (
    " faster at batch ",
    " off its time at batch ",
    " slower at batch ",
    "timed by ",
    "; measured were ",
)
MOVED = {"metric": "metric.name"}  # a value of before, and where the second build says it


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("builds", nargs=2, type=Path, help="checkouts")
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES), metavar="NAME")
    given = parser.parse_args(arguments)
    print("| Recipe | What differs | Said anew |\n|---|---|---|")
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        for at, name in enumerate(given.only):
            folders = [Path(scratch, f"{at}-{side}") for side in ("first", "second")]
            for build, out in zip(given.builds, folders, strict=True):
                run(build, RECIPES[name], out)
            different, new = compared(*folders)
            bad += bool(different)
            print(f"| {name} | {'; '.join(different) or 'nothing'} | {', '.join(new)} |", flush=True)
    print(f"\n{len(given.only) - bad} of {len(given.only)} recipes give the same numbers")
    return int(bad > 0)


def run(build: Path, flags: str, out: Path):
    """The recipe by this build's command line; raises CalledProcessError after showing what it said."""
    command = [sys.executable, "-m", "pruning", "run", *flags.split(), "--device", "cpu", "--threads", "1"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(build.resolve()),
        "OMP_NUM_THREADS": "1",
        "PRUNING_TIMING_SECONDS": "0.2",
    }
    done = subprocess.run(
        [*command, "--out", str(out)], cwd=build, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()


def compared(first: Path, second: Path) -> tuple[list[str], list[str]]:
    """What differs between two folders that `run` wrote, and what only the second says."""
    different, new = [], []
    for name in FILES:
        before, after = first / name, second / name
        if before.exists() != after.exists():
            different.append(f"{name} is in one only")
        elif before.exists() and before.read_bytes() != after.read_bytes():
            if name.endswith(".json"):
                changes, more = told_otherwise(read(before), read(after))
                different += [f"{name}: {change}" for change in changes]
                new += [f"{name}: {key}" for key in more]
            elif name == "model.safetensors" and same_tensors(before, after):
                new += [] if header(before) == header(after) else [f"{name}: its header"]
            else:
                different.append(name)
    before, after = (timeless(read(folder / "report.json")) for folder in (first, second))
    changes, more = told_otherwise(before, after)
    different += [f"report.json: {change}" for change in changes]
    return different, new + [f"report.json: {key}" for key in more]


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def same_tensors(first: Path, second: Path) -> bool:
    before, after = load_file(first), load_file(second)
    return before.keys() == after.keys() and all(
        before[name].dtype == after[name].dtype and before[name].tobytes() == after[name].tobytes()
        for name in before
    )


def header(file: Path) -> dict[str, str]:
    """What a file of tensors says of itself; in which order differs from one writing to the next."""
    with safe_open(file, "np") as opened:
        return dict(opened.metadata() or {})


def timeless(value: Any) -> Any:
    """A report without what depends on the clock: also messages about measured times."""
    if isinstance(value, dict):
        return {key: timeless(part) for key, part in value.items() if key not in OF_TIME}
    if isinstance(value, list):
        return [timeless(part) for part in value if not of_time(part)]
    return value


def of_time(part: Any) -> bool:
    return isinstance(part, str) and any(words in part for words in TIMED_MESSAGES)


def told_otherwise(before: dict, after: dict) -> tuple[list[str], list[str]]:
    """The paths whose values differ or are gone, and those that are new."""
    old, now = dict(leaves(before)), dict(leaves(after))
    there = {path: path if path in now else MOVED.get(path, path) for path in old}
    changed = [
        f"{path} {value!r} -> {now.get(there[path], 'gone')!r}"
        for path, value in old.items()
        if there[path] not in now or value != now[there[path]]
    ]
    return changed, sorted({path.split(".")[0] for path in now if path not in old})


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value of nested dicts, by the names on the way; lists are values as a whole."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from leaves(part, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
