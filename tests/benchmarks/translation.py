"""Translation measured: the small StarGAN on scenes_colours, methods beside each other: docs/tasks.md.

python -m tests.benchmarks.translation repaired|trained [--seeds N ...] [--arms TITLE ...]     measures; goes
                                                                            on where it was; arms of trained
python -m tests.benchmarks.translation size                                 the published size, at 128 pixels

repaired: rows in docs/measured/translation.csv. trained: half of the work cut, matched and fine-tuned under
the full network, rows in docs/measured/translation_trained.csv. `python -m tests.benchmarks.segmentation
write` writes the document.
"""

import argparse
import itertools
import time
from importlib.metadata import version

import numpy as np
import pandas as pd

from pruning.experiment import Recipe, run
from pruning.runs.controls import run_control
from pruning.runs.product import NARROW, SAME_COMPUTE
from pruning.tasks import TRANSLATED
from tests.benchmarks.measured import KEPT, ROOT, SEEDS, compared, in_points, repaired_lines
from tests.benchmarks.measured_rows import MeasuredRows, as_bits, hits

MEASURED = ROOT / "docs" / "measured"
ROWS = MEASURED / "translation.csv"
SIZE = MEASURED / "translation_size.csv"
OUT = KEPT / "translation"
NETWORK = {"model": "stargan_small", "data": "scenes_colours"}
CRITERIA, REPAIRS = (
    ("cpot", "catro", "di", "reconstruction", "l1", "random"),
    ("none", "reconstruct", "match"),
)
STAGES = ("baseline", "cut", "repaired", "tuned")
HALF = NETWORK | {
    "cut": 0.5,
    "allocation": "error",
    "repair": "match",
    "epochs": 3,
    "distill": True,
    "threads": 1,
}
MEASURES = ("frechet_distance", "reconstruction_error", "cycle_error", "identity_error")
KEY, MORE = ("arm", "seed"), ("frechet_floor", "macs_cut", "epochs", "seconds", "torch", "images", "right")
COLUMNS = (*KEY, *STAGES, *MEASURES, *MORE)
TRAINED = MeasuredRows(MEASURED / "translation_trained.csv", KEY, COLUMNS)
FULL = "full network"
GATES = {"allocation": None, "repair": None}  # the open gates are the plan, and nothing is left to repair
AGAINST = {"distill": False, "batch_size": 16}
ARMS = {  # title: what differs from HALF, and which control it is, if any; what a claim rests on comes first
    "CPOT, against the discriminator": ({"criterion": "cpot", **AGAINST}, ""),
    "L1, against the discriminator": ({"criterion": "l1", **AGAINST}, ""),
    "random, against the discriminator": ({"criterion": "random", **AGAINST}, ""),
    "GDP": ({"criterion": "gdp", **GATES}, ""),
    "CPOT": ({"criterion": "cpot"}, ""),
    "L1": ({"criterion": "l1"}, ""),
    "random": ({"criterion": "random"}, ""),
    "narrower from the start, as much computation": ({"criterion": "cpot"}, f"{NARROW} ({SAME_COMPUTE})"),
}


def measure_repaired(seeds):
    from pruning.runs import Comparison

    asked = Comparison(
        models=(NETWORK["model"],),
        datasets=(NETWORK["data"],),
        criteria=CRITERIA,
        cuts=(0.5,),
        allocations=("error",),
        repairs=REPAIRS,
        seeds=tuple(seeds),
        controls="none",
    )
    compared(asked, OUT).to_csv(ROWS, index=False)


def measure_trained(seeds, arms):
    for title, seed in itertools.product(arms, seeds):
        if (title, str(seed)) not in TRAINED.known():
            TRAINED.keep(*trained(title, seed))


def trained(title: str, seed: int) -> tuple[dict, dict]:
    """An arm's row, with which translations are right in the end, and the full network's."""
    changes, control = ARMS[title]
    told = {name: value for name, value in (HALF | changes).items() if value is not None}
    recipe = Recipe(**told, seed=seed)
    result = run_control(recipe, control) if control else run(recipe)
    report, asked = result.report, result.predictions["labels"][:, 1]
    stages = [stage for stage in STAGES if report["values"].get(stage) is not None]
    right = {stage: result.predictions[f"{stage}_classes"] == asked for stage in stages}
    row = {"arm": title, "seed": seed} | {stage: round(some.mean(), 4) for stage, some in right.items()}
    row |= {"macs_cut": round(1 - result.plan.macs / result.plan.macs_before, 4)}
    row |= {"seconds": round(sum(filter(None, report["seconds"].values())))}
    row |= {"epochs": report.get("control", {}).get("epochs", HALF["epochs"])}
    full = {"arm": FULL, "seed": 0, "baseline": row["baseline"]}
    return ended(row, [*right][-1], right, report), ended(full, "baseline", right, report)


def ended(row: dict, stage: str, right: dict[str, np.ndarray], report: dict) -> dict:
    """A row with what the pictures of a stage are worth."""
    told = {m: round(report["measures"][m]["values"][stage]["value"], 4) for m in MEASURES}
    told |= {"images": len(right[stage]), "right": as_bits(right[stage]), "torch": version("torch")}
    return row | told | {"frechet_floor": round(report["frechet_floor"], 4)}


# ------------------------------------------------------------------------------------------- the document


def parts() -> dict[str, list[str]]:
    return {
        "translated": repaired_table(),
        "translated_trained": trained_table(),
        "translated_size": size_table(),
    }


def repaired_table() -> list[str]:
    if not ROWS.exists():
        return ["Not measured yet."]
    return repaired_lines(pd.read_csv(ROWS), "half of the MACs cut", CRITERIA, REPAIRS)


def trained_table() -> list[str]:
    known = TRAINED.known()
    rows = {title: [known[title, str(s)] for s in SEEDS if (title, str(s)) in known] for title in ARMS}
    if (FULL, "0") not in known:
        return ["Not measured yet."]
    full = known[FULL, "0"]
    lines = [
        "| half of the MACs cut, matched, 3 epochs | seeds | right after the cut | repaired | in the end "
        "| against the full network | Fréchet distance | reconstruction error | cycle error "
        "| identity error |",
        "|---" * 10 + "|",
    ]
    for title, found in ((title, found) for title, found in rows.items() if found):
        cells = [str(len(found))]
        for stage in STAGES[1:]:
            values = [100 * float(one[stage]) for one in found if one[stage]]
            cells.append(f"{np.mean(values):.1f}" if values else "")
        cells.append(against(found, full))
        cells += [f"{np.mean([float(one[m]) for one in found]):.3f}" for m in MEASURES]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    told = ", ".join(f"{name.replace('_', ' ')} {float(full[name]):.3f}" for name in MEASURES)
    whole = f"Full network: {100 * float(full['baseline']):.1f}; {told}."
    return [
        *lines,
        "",
        f"{whole} Two halves of the real hold-out pictures: {float(full['frechet_floor']):.3f}.",
    ]


def against(found: list[dict], full: dict) -> str:
    """Paired over pictures and seeds, in points; without an interval where a build kept no answers."""
    if not all(row["right"] for row in found):
        ends = [float([row[stage] for stage in STAGES if row[stage]][-1]) for row in found]
        return f"{100 * (np.mean(ends) - float(full['baseline'])):+.1f}"
    own, whole = ([{"classes": 1 - hits(row)} for row in side] for side in (found, [full] * len(found)))
    return in_points(TRANSLATED.difference(own, whole, np.zeros((int(full["images"]), 2), int)))


# ------------------------------------------------------------------------------------- the published size


def measure_size():
    """What the published generator takes at 128 pixels, with random weights, which changes nothing of it."""
    import torch

    import pruning as p

    torch.set_num_threads(1)
    rows = []

    def step(name: str, do, told=lambda made: ""):
        start = time.perf_counter()
        made = do()
        rows.append({"step": name, "seconds": round(time.perf_counter() - start, 2), "told": told(made)})
        return made

    model = p.load_model("stargan", "celeba", "none", classes=5)
    example = torch.randn(1, 8, 128, 128, generator=torch.Generator().manual_seed(0))
    size = sum(p.numel() for p in model.parameters())
    graph = step("trace, checked by cut networks", lambda: p.ChannelGraph(model, example))
    scores = step("scores by cpot", lambda: p.score(graph, "cpot"))
    plan = step("plan for half of the work", lambda: p.plan(graph, scores, cut=0.5))
    small = step("cut", lambda: p.cut(model, plan), lambda _: f"{plan.macs:,} multiply-accumulates left")
    with torch.no_grad():
        whole = step(
            "one picture, whole",
            lambda: model(example),
            lambda _: f"{size:,} parameters, {plan.macs_before:,} MACs",
        )
        with p.masked(model, plan):
            masked = model(example)
        step(
            "one picture, cut",
            lambda: small(example),
            lambda made: (
                f"differs from the masked network by {float((made - masked).abs().max()):.1e} of "
                f"{float(whole.abs().max()):.2g}"
            ),
        )
    pd.DataFrame(rows).to_csv(SIZE, index=False)


def size_table() -> list[str]:
    if not SIZE.exists():
        return ["Not measured yet."]
    found = pd.read_csv(SIZE).fillna("")
    lines = ["| step | seconds | |", "|---|---|---|"]
    return [*lines, *(f"| {r.step} | {r.seconds:.1f} | {r.told} |" for r in found.itertuples())]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.translation")
    parser.add_argument("part", choices=("repaired", "trained", "size"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--arms", nargs="+", choices=tuple(ARMS), default=tuple(ARMS))
    given = parser.parse_args()
    if given.part == "trained":
        measure_trained(given.seeds, given.arms)
    else:
        measure_size() if given.part == "size" else measure_repaired(given.seeds)
