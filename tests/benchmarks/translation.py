"""Translation measured: the small StarGAN on scenes_colours, methods beside each other: docs/tasks.md.

python -m tests.benchmarks.translation repaired|trained [--seeds N ...]     measures; goes on where it was
python -m tests.benchmarks.translation size                                 the published size, at 128 pixels

repaired: rows in docs/measured/translation.csv. trained: half of the work cut, matched and fine-tuned under
the full network, rows in docs/measured/translation_trained.csv. `python -m tests.benchmarks.segmentation
write` writes the document.
"""

import argparse
import csv
import time
from importlib.metadata import version

import numpy as np
import pandas as pd

from pruning.experiment import Recipe, run
from pruning.runs.controls import run_control
from pruning.runs.product import NARROW, SAME_COMPUTE
from pruning.tasks import TRANSLATED
from tests.benchmarks.measured import KEPT, ROOT, SEEDS, in_points, known, remembered, repaired_lines, row

MEASURED = ROOT / "docs" / "measured"
ROWS, TRAINED = MEASURED / "translation.csv", MEASURED / "translation_trained.csv"
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
GATES = {"allocation": None, "repair": None}  # the open gates are the plan, and nothing is left to repair
AGAINST = {"distill": False, "batch_size": 16}
ARMS = {  # title: what differs from HALF, and which control it is, if any
    "CPOT": ({"criterion": "cpot"}, ""),
    "L1": ({"criterion": "l1"}, ""),
    "random": ({"criterion": "random"}, ""),
    "narrower from the start, as much computation": ({"criterion": "cpot"}, f"{NARROW} ({SAME_COMPUTE})"),
    "GDP": ({"criterion": "gdp", **GATES}, ""),
    "CPOT, against the discriminator": ({"criterion": "cpot", **AGAINST}, ""),
    "random, against the discriminator": ({"criterion": "random", **AGAINST}, ""),
}
FIRST = 4  # arms that a claim rests on: all of their seeds come before the others' first


def measure_repaired(seeds):
    from pruning.progress_bars import Bars
    from pruning.runs import Comparison, RunStore
    from pruning.runs.compare import compare

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
    with Bars() as watch:
        compare(asked, OUT, store=RunStore(KEPT / "runs"), watch=watch)
    if (found := OUT / "results.csv").exists():
        pd.read_csv(found, dtype=str, keep_default_na=False).to_csv(ROWS, index=False)


def measure_trained(seeds):
    titles = list(ARMS)
    for some in (titles[:FIRST], titles[FIRST:]):
        for seed in seeds:
            for title in some:
                remembered(key(title, seed), lambda title=title, seed=seed: trained(title, seed))
                keep_trained()


def key(title: str, seed: int) -> str:
    return f"translation-{title.replace(', ', '-').replace(' ', '-')}-{seed}"


def trained(title: str, seed: int) -> dict:
    """Which translations are right at every stage, what else is told of them, and what it took."""
    changes, control = ARMS[title]
    told = {name: value for name, value in (HALF | changes).items() if value is not None}
    recipe = Recipe(**told, seed=seed)
    result = run_control(recipe, control) if control else run(recipe)
    report = result.report
    stages = [name for name, value in report["values"].items() if value is not None]
    labels = result.predictions["labels"][:, 1]
    return {
        "right": {s: (result.predictions[f"{s}_classes"] == labels).astype(int).tolist() for s in stages},
        "measures": {m: report["measures"][m]["values"] for m in MEASURES},
        "frechet_floor": report["frechet_floor"],
        "macs_cut": 1 - result.plan.macs / result.plan.macs_before,
        "seconds": report["seconds"],
        "epochs": report.get("control", {}).get("epochs", HALF["epochs"]),
    }


def keep_trained():
    columns = ("arm", "seed", *STAGES, *MEASURES, "macs_cut", "epochs", "seconds", "torch")
    with TRAINED.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for title in ARMS:
            for seed in (seed for seed in SEEDS if known(key(title, seed))):
                found = row(key(title, seed))
                values = {
                    s: round(float(np.mean(found["right"][s])), 4) for s in STAGES if s in found["right"]
                }
                values |= {m: round(last(found, m), 4) for m in MEASURES}
                took = round(sum(filter(None, found["seconds"].values())))
                more = {"macs_cut": round(found["macs_cut"], 4), "seconds": took, "epochs": found["epochs"]}
                more |= {"torch": version("torch")}
                writer.writerow({"arm": title, "seed": seed} | values | more)


def last(found: dict, measure: str, stage: str = "") -> float:
    """A measure at a stage, or at the last one."""
    told = {name: one["value"] for name, one in found["measures"][measure].items() if one}
    return told[stage] if stage else told[[name for name in STAGES if name in told][-1]]


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
    rows = {title: [row(key(title, s)) for s in SEEDS if known(key(title, s))] for title in ARMS}
    rows = {title: found for title, found in rows.items() if found}
    if not rows:
        return ["Not measured yet."]
    lines = [
        "| half of the MACs cut, matched, 3 epochs | seeds | right after the cut | repaired | in the end "
        "| against the full network | Fréchet distance | reconstruction error | cycle error "
        "| identity error |",
        "|---" * 10 + "|",
    ]
    for title, found in rows.items():
        cells = [str(len(found))]
        for stage in STAGES[1:]:
            values = [100 * np.mean(one["right"][stage]) for one in found if stage in one["right"]]
            cells.append(f"{np.mean(values):.1f}" if values else "")
        cells.append(against_full(found))
        cells += [f"{np.mean([last(one, m) for one in found]):.3f}" for m in MEASURES]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    first = next(iter(rows.values()))[0]
    whole = {m: last(first, m, "baseline") for m in MEASURES}
    told = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in whole.items())
    full = f"Full network: {100 * np.mean(first['right']['baseline']):.1f}; {told}."
    return [*lines, "", f"{full} Two halves of the real hold-out pictures: {first['frechet_floor']:.3f}."]


def against_full(found: list[dict]) -> str:
    """Paired over pictures and seeds, in points."""

    def said(hits: list[int]) -> dict:
        return {"classes": np.where(np.array(hits) == 1, 0, 1)}

    ends = [[s for s in STAGES if s in one["right"]][-1] for one in found]
    own = [said(one["right"][end]) for one, end in zip(found, ends, strict=True)]
    whole = [said(one["right"]["baseline"]) for one in found]
    return in_points(TRANSLATED.difference(own, whole, np.zeros((len(own[0]["classes"]), 2), int)))


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
    given = parser.parse_args()
    measures = {"repaired": measure_repaired, "trained": measure_trained}
    measure_size() if given.part == "size" else measures[given.part](given.seeds)
