"""All methods at half the MACs under one protocol: docs/measured/all_methods.csv.

python -m tests.benchmarks.all_methods [--networks resnet20-scenes ...] [--seeds 0 1 2] [--methods l1 ...]
    [--widths uniform error] [--repairs none ...]      measures; goes on where it was
python -m tests.benchmarks.all_methods write           docs/all_methods.md

A row is one cut network under one repair, with whether each test image was answered right; nothing is
trained with labels. Inner groups are cut. `gdp` has the channels and the widths that its gates choose, cut
from the weights that they began with, so that what is compared is the choice. Methods are compared with L1
and with chance by paired differences, Holm-corrected over all comparisons of a network and a repair.
"""

import argparse
from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pruning.comparison_statistics import compared
from pruning.comparison_statistics.family import NOT_SHOWN
from pruning.cost import Plan
from pruning.criteria import resolve_options
from pruning.criteria.scoring import score_all
from pruning.experiment.loading import Loaded, load
from pruning.experiment.planning import planned
from pruning.tasks import DEFAULT
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import ROOT, SEEDS, spread
from tests.benchmarks.measured_rows import MeasuredRows, hits
from tests.benchmarks.merging import answered
from tests.benchmarks.repaired import REPAIRS, TITLES, recipe_of
from tests.benchmarks.speed import machine

KEY = ("network", "widths", "method", "repair", "seed")
COLUMNS = (*KEY, "macs_cut", "seconds", "apart", "images", "correct", "torch", "right")
ROWS = MeasuredRows(ROOT / "docs" / "measured" / "all_methods.csv", KEY, COLUMNS)
NETWORKS = {
    "resnet20-scenes": "ResNet-20, `scenes`",
    "vgg16_slim-scenes": "VGG-16 slim, `scenes`",
    "mobilenet_v2_slim-scenes": "MobileNetV2 slim, `scenes`",
}
CUT = 0.5
GDP, L1, CHANCE = "gdp", "l1", "random"
METHODS: dict[str, tuple[str, dict]] = {
    "cpot": ("cpot", {}),
    "cpot projection": ("cpot", {"distribution": "projection"}),
    "catro": ("catro", {}),
    "di": ("di", {}),
    GDP: ("gdp", {}),
    L1: ("l1", {}),
    "energy": ("energy", {}),
    CHANCE: ("random", {}),
}
WIDTHS = ("uniform", "error")
OWN = "its own"  # widths of GDP
EPOCHS = 4  # of a run with GDP, of which 60 % train gates
STEPS = {how: () if how == "none" else (how,) for how in REPAIRS}


def plans(network: str, loaded: Loaded, methods, widths: str) -> Iterator[tuple[str, Plan]]:
    """(method, its plan): scores are made in one pass, GDP's gates are trained when it is its turn."""
    recipe = loaded.recipe
    chosen = {name: (METHODS[name][0], resolve_options(*METHODS[name])) for name in methods if name != GDP}
    images = {"seed": recipe.seed, "calibration": recipe.calibration, "groups": recipe.groups}
    scores = score_all(loaded.graph, chosen.values(), loaded.data, **images) if chosen else {}
    for name in methods:
        if name == GDP:
            yield name, by_gates(network, recipe.seed)
        else:
            asked = recipe.but(criterion=chosen[name][0], options=dict(chosen[name][1]), allocation=widths)
            yield name, planned(asked, loaded.graph, scores[chosen[name]], loaded.data, expect=False)


def by_gates(network: str, seed: int) -> Plan:
    """The channels that GDP's gates keep: trained on labels as in a run of EPOCHS, weights with them, and
    stopped as soon as every gate is decided."""
    from tests.benchmarks.gates_choice import chosen, plan_of

    fields = {"criterion": GDP, "epochs": EPOCHS, "cut": CUT, "seed": seed, "threads": 1}
    own = load(recipe_of(network, **fields))
    return plan_of(own, chosen(own))


def measure(network: str, seed: int, methods, widths: str, repairs):
    """Every method and repair of one network under one seed."""
    shown = OWN if widths == OWN else widths
    wanted = {(name, how): (network, shown, name, how, str(seed)) for name in methods for how in repairs}
    left = [pair for pair, key in wanted.items() if key not in ROWS.known()]
    if not left:
        return
    fields = {"criterion": "l1", "groups": "inner", "cut": CUT, "seed": seed, "threads": 1}
    loaded = load(recipe_of(network, **fields))
    for name, plan in plans(network, loaded, dict.fromkeys(name for name, _ in left), widths):
        for how in (how for of, how in left if of == name):
            row = answered(loaded, plan, STEPS[how])
            ROWS.keep(row | dict(zip(KEY, wanted[name, how], strict=True)))
            print(*wanted[name, how], row["correct"], flush=True)


# ------------------------------------------------------------------------------------------- the document


def found(network: str, widths: str, how: str) -> dict[str, dict[int, np.ndarray]]:
    """{method: {seed: right answers}}; GDP has widths of its own beside all."""
    rows: dict[str, dict[int, np.ndarray]] = {name: {} for name in METHODS}
    for key, row in ROWS.known().items():
        where, own, method, repair, seed = key
        if (where, repair) == (network, how) and own == (OWN if method == GDP else widths):
            rows[method][int(seed)] = hits(row)
    return {name: of for name, of in rows.items() if of}


@cache
def paired(network: str, widths: str, how: str, against: str) -> pd.DataFrame:
    """Of every method that shares seeds with one of them: its lead, on the same images under the same seeds.
    Empty where there are none."""
    rows = found(network, widths, how)
    rows = {name: of for name, of in rows.items() if of.keys() & rows.get(against, {}).keys()}
    if len(rows) < 2:
        return pd.DataFrame()
    right = {name: {seed: {"classes": each} for seed, each in of.items()} for name, of in rows.items()}
    images = len(next(iter(rows[against].values())))
    return compared(right, np.ones(images, int), DEFAULT, against).table().set_index("a")


def table(widths: str) -> list[str]:
    """A row a network and method, accuracy under each repair that was measured at all."""
    repairs = [how for how in REPAIRS if any(key[3] == how for key in ROWS.known())]
    lines = [
        f"| network | method | MACs cut | {' | '.join(TITLES[how] for how in repairs)} |",
        "|---" * (3 + len(repairs)) + "|",
    ]
    for network, title in NETWORKS.items():
        for name in METHODS:
            cells = [seen(found(network, widths, how).get(name, {})) for how in repairs]
            if any(cells):
                lines.append(f"| {title} | {name} | {cut_by(network, widths, name)} | {' | '.join(cells)} |")
    return lines if len(lines) > 2 else ["Not measured yet."]


def seen(of: dict[int, np.ndarray]) -> str:
    """Accuracy in %, mean and spread over seeds; how many, where they are not three."""
    if not of:
        return ""
    return spread([of[seed] for seed in sorted(of)]) + ("" if len(of) == len(SEEDS) else f" ({len(of)})")


def cut_by(network: str, widths: str, method: str) -> str:
    own = OWN if method == GDP else widths
    of = [float(row["macs_cut"]) for key, row in ROWS.known().items() if key[:3] == (network, own, method)]
    return f"{100 * np.mean(of):.1f} %"


def leads(widths: str, against: str) -> list[str]:
    """A row a network and repair, a column a method: points ahead of another method, bold where Holm's
    procedure shows it, over all methods of the row."""
    others = [name for name in METHODS if name != against]
    lines = [f"| network | repair | {' | '.join(others)} |", "|---" * (2 + len(others)) + "|"]
    for (network, title), how in product(NETWORKS.items(), REPAIRS):
        told = paired(network, widths, how, against)
        cells = [lead(told.loc[name]) if name in told.index else "" for name in others]
        if any(cells):
            lines.append(f"| {title} | {TITLES[how]} | {' | '.join(cells)} |")
    return lines if len(lines) > 2 else ["Not measured yet."]


def summary() -> list[str]:
    """How often each method is shown to be ahead of or behind L1 and chance, over networks, repairs and
    widths."""
    counted = {name: dict.fromkeys(product((L1, CHANCE), ("ahead", "behind", "of")), 0) for name in METHODS}
    for widths, network, how, against in product(WIDTHS, NETWORKS, REPAIRS, (L1, CHANCE)):
        for name, row in paired(network, widths, how, against).iterrows():
            if name == GDP and widths != WIDTHS[0]:
                continue  # it has widths of its own: the same rows stand beside both
            of = counted[name]
            of[against, "of"] += 1
            if row["verdict"] != NOT_SHOWN:
                of[against, "ahead" if row["difference"] > 0 else "behind"] += 1
    lines = ["| method | ahead of L1 | behind | of | ahead of chance | behind | of |", "|---" * 7 + "|"]
    for name, of in counted.items():
        if any(of.values()):
            lines.append(f"| {name} | {' | '.join(str(number) for number in of.values())} |")
    return lines


def lead(row) -> str:
    text = f"{100 * row['difference']:+.1f} ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    return f"**{text}**" if row["verdict"] != NOT_SHOWN else text


def write():
    made = {f"all_{widths}": table(widths) for widths in WIDTHS}
    made |= {f"all_{widths}_{name}": leads(widths, name) for widths in WIDTHS for name in (L1, CHANCE)}
    filled(made | {"summary": summary(), "machine": [machine()]}, "all_methods.md")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["write"])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=[*NETWORKS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[*SEEDS])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--widths", nargs="+", choices=WIDTHS, default=[*WIDTHS])
    parser.add_argument("--repairs", nargs="+", choices=REPAIRS, default=[*REPAIRS])
    asked = parser.parse_args()
    if asked.part:
        write()
        raise SystemExit
    with threadpool_limits(1):
        for seed, widths, network in product(asked.seeds, asked.widths, asked.networks):
            scored = [name for name in asked.methods if name != GDP]
            measure(network, seed, scored, widths, asked.repairs)
        if GDP in asked.methods:
            for seed, network in product(asked.seeds, asked.networks):
                measure(network, seed, [GDP], OWN, asked.repairs)
