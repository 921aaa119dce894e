"""The tables of docs/criteria.md: every criterion, raw, recalibrated and fine-tuned, over seeds.

python -m tests.benchmarks.criteria scenes     one part (or cifar, choices); goes on where it was stopped
python -m tests.benchmarks.criteria write      docs/criteria.md, from what was measured
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch

from pruning.criteria import resolve_options
from pruning.criteria.scoring import score_all
from pruning.experiment import Recipe, paired_difference, run
from pruning.experiment.run import planned
from pruning.experiment.sources import load
from pruning.models import bundled
from pruning.reconstruction import recalibrate
from pruning.statistics.images import CalibrationImages
from pruning.surgery import cut
from pruning.train import evaluate

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".measured"  # one file a measured row; not part of the project
ORDER = ("random", "l1", "l2", "fpgm", "slimming", "taylor", "energy", "cpot", "di", "catro")
SEEDS = (0, 1, 2)
TRIAL = {  # methods.md, one-shot trials: raw, recalibrated
    "random": (51.5, 83.0),
    "l1": (85.6, 90.2),
    "fpgm": (83.6, 90.1),
    "slimming": (83.2, 88.5),
    "energy": (86.1, 89.9),
    "cpot": (85.4, 90.0),
    "di": (85.6, 90.9),
    "catro": (85.5, 88.7),
}


def remembered(key: str, measure) -> dict:
    """What was measured under this key, or is measured now: arrays and numbers, kept in a file."""
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"{key}.json"
    if not path.exists():
        start = time.perf_counter()
        found = measure()
        path.write_text(json.dumps(found | {"took": time.perf_counter() - start}))
        print(f"{key}: measured in {time.perf_counter() - start:.0f} s", flush=True)
    return json.loads(path.read_text())


def right(model, split, normalization) -> list[int]:
    found = evaluate(model, split, normalization=normalization)
    return (found.classes == split.labels).astype(int).tolist()


def one_shot(recipe: Recipe, *, part: str = "test") -> dict[str, dict]:
    """{criterion: raw and recalibrated answers} of every criterion at its defaults, one pass of statistics
    for all."""
    loaded = load(recipe)
    chosen = {name: (name, resolve_options(name, {})) for name in ORDER}
    scores = score_all(
        loaded.graph,
        chosen.values(),
        loaded.data,
        seed=recipe.seed,
        calibration=recipe.calibration,
        groups="inner",
    )
    split, normalization = getattr(loaded.data, part), loaded.model.origin.normalization
    rows = {}
    for name in ORDER:
        small = cut(loaded.model, planned(recipe, loaded.graph, scores[chosen[name]]))
        raw = right(small, split, normalization)
        recalibrate(small, CalibrationImages(small, loaded.data, recipe.calibration, recipe.seed))
        rows[name] = {"raw": raw, "recalibrated": right(small, split, normalization)}
    return rows


def measure_scenes(threads: int, seeds=SEEDS):
    for seed in seeds:
        base = Recipe(measure="channels", cut=0.5, seed=seed, threads=threads)
        remembered(f"channels-{seed}", lambda base=base: one_shot(base))
    for seed in seeds:
        for name in ORDER:
            recipe = Recipe(criterion=name, seed=seed, repair="recalibrate", epochs=2, threads=threads)
            remembered(f"scenes-{name}-{seed}", lambda recipe=recipe: tuned(recipe))


def tuned(recipe: Recipe) -> dict:
    result = run(recipe)
    labels = result.predictions["labels"]
    stages = ("baseline", "cut", "repaired", "tuned")
    hits = {s: (result.predictions[f"{s}_classes"] == labels).astype(int).tolist() for s in stages}
    return hits | {
        "macs_cut": 1 - result.plan.macs / result.plan.macs_before,
        "seconds": result.report["seconds"]["tune"],
    }


def measure_cifar(threads: int, seeds=SEEDS):
    folder = Path(os.environ["PRUNING_DATA"])
    for seed in seeds:
        base = Recipe(
            model="resnet56",
            data=str(folder / "cifar10_subset.npz"),
            checkpoint=str(folder / "resnet56-4bfd9763.th"),
            normalize="imagenet",
            measure="channels",
            cut=0.3,
            seed=seed,
            threads=threads,
        )
        remembered(f"cifar-{seed}", lambda base=base: one_shot(base))


READINGS = {
    "cpot": [{"temperature": value} for value in (0.5, 1.0, 2.0, 4.0, 8.0)],
    "catro": [{"gamma": value} for value in (0.0, 1.0, 3.0, 10.0)],
}
RATES = (0.005, 0.01, 0.02, 0.05, 0.1)


def measure_choices(threads: int):
    """Defaults, by cross-entropy on the hold-outs that our networks never saw; no test part is read."""
    for model, data in bundled():
        for criterion, readings in READINGS.items():
            for options in readings:
                (value,) = options.values()
                recipe = Recipe(model=model, data=data, criterion=criterion, options=options, threads=threads)
                name = f"choice-{criterion}-{value:g}@{model}-{data}"
                remembered(name, lambda recipe=recipe: on_holdout(recipe))
    for lr in RATES:
        recipe = Recipe(criterion="l1", lr=lr, epochs=2, threads=threads)
        remembered(f"choice-lr-{lr:g}@resnet20-scenes", lambda recipe=recipe: on_holdout(recipe))


def on_holdout(recipe: Recipe) -> dict:
    """What half of the MACs costs on the hold-out: recalibrated, and fine-tuned if the recipe has epochs."""
    from pruning.train import fit

    loaded = load(recipe)
    normalization = loaded.model.origin.normalization
    chosen = (recipe.criterion, recipe.options)
    scores = score_all(loaded.graph, [chosen], loaded.data, groups="inner")[chosen]
    small = cut(loaded.model, planned(recipe, loaded.graph, scores))
    recalibrate(small, CalibrationImages(small, loaded.data, 1000, 0))
    if recipe.epochs:
        fit(small, loaded.data, epochs=recipe.epochs, lr=recipe.lr, normalization=normalization)
    found = evaluate(small, loaded.data.holdout, normalization=normalization)
    return {"loss": found.loss, "accuracy": found.correct / len(loaded.data.holdout)}


# ---------------------------------------------------------------------------------------- the document


def percent(hits) -> str:
    return f"{100 * np.mean(hits):.1f}"


def spread(per_seed) -> str:
    means = [100 * np.mean(hits) for hits in per_seed]
    return f"{np.mean(means):.1f} ± {np.std(means, ddof=1):.1f}"


def scenes_table() -> list[str]:
    found = {n: [json.loads((KEPT / f"scenes-{n}-{s}.json").read_text()) for s in SEEDS] for n in ORDER}
    lines = [
        "| criterion | raw | recalibrated | against random | tuned, 2 epochs | against random |",
        "|---|---|---|---|---|---|",
    ]
    for name in ORDER:
        raw, mended, tuned = (
            spread([r[stage] for r in found[name]]) for stage in ("cut", "repaired", "tuned")
        )
        gaps = [against_random(found, name, stage) for stage in ("repaired", "tuned")]
        lines.append(f"| {name} | {raw} | {mended} | {gaps[0]} | {tuned} | {gaps[1]} |")
    baseline = percent(found["l1"][0]["baseline"])
    cuts = [row["macs_cut"] for rows in found.values() for row in rows]
    return [
        *lines,
        "",
        f"Full network: {baseline} %. MACs cut: {100 * min(cuts):.1f} to {100 * max(cuts):.1f} %.",
    ]


def against_random(found: dict, name: str, stage: str) -> str:
    if name == "random":
        return ""
    gap = paired_difference([row[stage] for row in found[name]], [row[stage] for row in found["random"]])
    return f"{100 * gap.mean:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"


def shot_table(prefix: str, trial: dict) -> list[str]:
    found = {s: json.loads((KEPT / f"{prefix}-{s}.json").read_text()) for s in SEEDS}
    last = ("trial: raw / recalibrated |", "---|") if trial else ("", "")
    lines = [
        f"| criterion | raw | recalibrated | recalibrated, by seed | {last[0]}",
        f"|---|---|---|---|{last[1]}",
    ]
    for name in ORDER:
        raw, mended = ([found[s][name][stage] for s in SEEDS] for stage in ("raw", "recalibrated"))
        seeds = ", ".join(percent(hits) for hits in mended)
        told = " / ".join(f"{value:.1f}" for value in trial.get(name, ()))
        lines.append(
            f"| {name} | {spread(raw)} | {spread(mended)} | {seeds} |" + (f" {told} |" if trial else "")
        )
    return lines


def choices_table() -> list[str]:
    """A row a choice, a column a network: cross-entropy, and the mean over networks."""
    kept = {path.stem.removeprefix("choice-"): path for path in sorted(KEPT.glob("choice-*.json"))}
    choices = list(dict.fromkeys(name.partition("@")[0] for name in kept))
    networks = [f"{model}-{data}" for model, data in bundled()]
    lines = [f"| choice | {' | '.join(networks)} | mean |", "|---" * (len(networks) + 2) + "|"]
    for choice in sorted(choices, key=lambda name: (name.split("-")[0], float(name.split("-")[1]))):
        found = [kept.get(f"{choice}@{network}") for network in networks]
        losses = [json.loads(path.read_text())["loss"] if path else None for path in found]
        cells = ["" if loss is None else f"{loss:.4f}" for loss in losses]
        mean = "" if None in losses else f"{np.mean(losses):.4f}"
        lines.append(f"| {choice} | {' | '.join(cells)} | {mean} |")
    return lines


def write():
    machine = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
    text = (ROOT / "tests" / "benchmarks" / "criteria.md.in").read_text()
    parts = {
        "machine": [machine],
        "scenes": scenes_table(),
        "channels": shot_table("channels", {}),
        "cifar": shot_table("cifar", TRIAL),
        "choices": choices_table(),
    }
    for name, lines in parts.items():
        text = text.replace("{" + name + "}", "\n".join(lines))
    (ROOT / "docs" / "criteria.md").write_text(text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("scenes", "cifar", "choices", "write"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of scenes and cifar")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.part == "write":
        write()
    else:
        parts = {"scenes": measure_scenes, "cifar": measure_cifar}
        if given.part in parts:
            parts[given.part](given.threads, given.seeds)
        else:
            measure_choices(given.threads)
