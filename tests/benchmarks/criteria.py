"""The tables of docs/criteria.md, and the one-shot cuts of docs/methods.md. A part goes on where it stopped.

python -m tests.benchmarks.criteria cifar      one-shot cuts of the public networks, every reading
python -m tests.benchmarks.criteria scenes     the same on scenes, and every criterion fine-tuned
python -m tests.benchmarks.criteria controls   true and shuffled labels and energy, five seeds
python -m tests.benchmarks.criteria choices    defaults, by cross-entropy on hold-outs
python -m tests.benchmarks.criteria write      docs/criteria.md, from what was measured

cifar and controls need PRUNING_DATA (the public networks and their images).
"""

import argparse
import os

import torch

from pruning.criteria import SCORED
from pruning.criteria.scoring import score_all
from pruning.experiment import Recipe
from pruning.experiment.loading import load
from pruning.experiment.planning import planned
from pruning.models import bundled
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from pruning.tasks import paired_difference
from pruning.train import evaluate, fit
from tests.benchmarks import one_shot
from tests.benchmarks.measured import ROOT, SEEDS, in_points, percent, remembered, row, spread, tuned
from tests.benchmarks.one_shot import CONTROLS, CUT, CUTS, MORE_SEEDS, READINGS, Reading, reading
from tests.benchmarks.speed import machine

ORDER = ("random", *(name for name in SCORED if name != "random"))
CHOICES = (  # what is an option and a matter of taste; the defaults among them
    *(reading("cpot", temperature=value) for value in (0.5, 1.0, 2.0, 4.0, 8.0)),
    *(reading("cpot", barycenter=kind) for kind in ("median", "mean")),
    *(reading("cpot", distribution=kind) for kind in ("weights", "activations", "maps")),
    *(reading("catro", gamma=value) for value in (0.0, 1.0, 3.0, 10.0)),
    *(reading("catro", pooled=True), reading("catro", reader_weights=False), reading("catro", debias=True)),
    *(reading("di", rho=value) for value in (0.1, 1.0, 10.0, 100.0)),
    *(reading("di", where="after"), reading("di", form="exact"), reading("di", form="exact", where="after")),
)
RATES = (0.005, 0.01, 0.02, 0.05, 0.1)


def measure_cifar(threads: int, seeds):
    for place in ("resnet56", "resnet20"):
        one_shot.measure(place, READINGS, (CUT,), seeds, threads)


def measure_scenes(threads: int, seeds):
    one_shot.measure("scenes", READINGS, CUTS, seeds, threads)
    for seed in seeds:
        for name in ORDER:
            recipe = Recipe(criterion=name, seed=seed, repair="recalibrate", epochs=2, threads=threads)
            remembered(f"scenes-{name}-{seed}", lambda recipe=recipe: tuned(recipe))


def measure_controls(threads: int, seeds):
    for place in ("resnet56", "scenes"):
        one_shot.measure(place, CONTROLS, CUTS, seeds, threads)


def measure_choices(threads: int, seeds):
    """Defaults, by cross-entropy on the hold-outs that our networks never saw; no test part is read."""
    for model, data in bundled():
        for asked in CHOICES:
            options = dict(asked.options)
            recipe = Recipe(
                model=model, data=data, criterion=asked.criterion, options=options, threads=threads
            )
            remembered(choice(asked, f"{model}-{data}"), lambda recipe=recipe: on_holdout(recipe))
    for lr in RATES:
        recipe = Recipe(criterion="l1", lr=lr, epochs=2, threads=threads)
        remembered(f"choice-lr-{lr:g}@resnet20-scenes", lambda recipe=recipe: on_holdout(recipe))


def choice(asked: Reading, network: str) -> str:
    return f"choice-{asked.name}@{network}"


def on_holdout(recipe: Recipe) -> dict:
    """What half of the MACs costs on the hold-out: recalibrated, and fine-tuned if the recipe has epochs."""
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


def tuned_table() -> list[str]:
    found = {name: [row(f"scenes-{name}-{seed}") for seed in SEEDS] for name in ORDER}
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
    cuts = [100 * each["macs_cut"] for of in found.values() for each in of]
    return [*lines, "", f"Full network: {baseline} %. MACs cut: {min(cuts):.1f} to {max(cuts):.1f} %."]


def against_random(found: dict, name: str, stage: str) -> str:
    if name == "random":
        return ""
    return in_points(
        paired_difference([of[stage] for of in found[name]], [of[stage] for of in found["random"]])
    )


def choices_table() -> list[str]:
    """A row a choice, a column a network: cross-entropy, and the mean over networks; then the rates."""
    networks = [f"{model}-{data}" for model, data in bundled()]
    lines = [f"| choice | {' | '.join(networks)} | mean |", "|---" * (len(networks) + 2) + "|"]
    for asked in CHOICES:
        losses = [row(choice(asked, network))["loss"] for network in networks]
        cells = [f"{loss:.4f}" for loss in (*losses, sum(losses) / len(losses))]
        lines.append(f"| {asked.title} | {' | '.join(cells)} |")
    return lines


def rates_table() -> list[str]:
    lines = ["| `--lr` | cross-entropy |", "|---|---|"]
    return lines + [f"| {lr:g} | {row(f'choice-lr-{lr:g}@resnet20-scenes')['loss']:.4f} |" for lr in RATES]


def write():
    parts = {
        "machine": [machine()],
        "tuned": tuned_table(),
        "choices": choices_table(),
        "rates": rates_table(),
    }
    filled(parts, "criteria.md")


def filled(parts: dict[str, list[str]], name: str):
    """Writes docs/NAME from its template beside this file, {part} by {part}."""
    text = (ROOT / "tests" / "benchmarks" / f"{name}.in").read_text()
    for part, lines in parts.items():
        text = text.replace("{" + part + "}", "\n".join(lines))
    (ROOT / "docs" / name).write_text(text)


MEASURE = {
    "cifar": (measure_cifar, SEEDS),
    "scenes": (measure_scenes, SEEDS),
    "controls": (measure_controls, MORE_SEEDS),
    "choices": (measure_choices, (0,)),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=(*MEASURE, "write"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seeds", type=int, nargs="+", help="of cifar, scenes and controls")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.part == "write":
        write()
    else:
        part, seeds = MEASURE[given.part]
        part(given.threads, given.seeds or seeds)
