"""One-shot cuts without training, every criterion at every reading that an option gives: measured by
`tests.benchmarks.criteria`, shown in docs/methods.md.
"""

from dataclasses import dataclass

import numpy as np

from pruning.criteria import resolve_options
from pruning.criteria.scoring import score_all
from pruning.experiment import Recipe
from pruning.experiment.loading import load
from pruning.experiment.planning import planned
from pruning.reconstruction import recalibrate
from pruning.statistics.calibration_images import CalibrationImages
from pruning.surgery import cut
from pruning.tasks import paired_difference
from tests.benchmarks.measured import SEEDS, in_points, known, public, remembered, right, row, spread

CUT = 0.3
CUTS = (0.3, 0.5, 0.7)
MORE_SEEDS = (0, 1, 2, 3, 4)  # where labels are compared
PLACES = {
    "resnet56": "Public ResNet-56, CIFAR-10",
    "resnet20": "Public ResNet-20, CIFAR-10",
    "scenes": "ResNet-20, `scenes`",
}
STAGES = ("raw", "recalibrated")
FAR = 2.0  # points below the trial


@dataclass(frozen=True)
class Reading:
    """A criterion at some of its options, as (name, value) pairs."""

    criterion: str
    options: tuple[tuple[str, object], ...] = ()

    @property
    def name(self) -> str:
        return "-".join([self.criterion, *(f"{key}={value}" for key, value in self.options)])

    @property
    def title(self) -> str:
        return f"`{' '.join([self.criterion, *(flag(key, value) for key, value in self.options)])}`"

    @property
    def chosen(self):
        return self.criterion, resolve_options(self.criterion, dict(self.options))


def flag(key: str, value) -> str:
    name = key.replace("_", "-")
    if value is True or value is False:
        return f"--{'' if value else 'no-'}{name}"
    return f"--{name} {value}"


def reading(criterion: str, **options) -> Reading:
    return Reading(criterion, tuple(options.items()))


PLAIN = {"gamma": 0, "reader_weights": False}  # CATRO's ratio without either of its two terms
READINGS: dict[Reading, tuple[float, ...]] = {  # and the trial's figures on ResNet-56, raw and recalibrated
    reading("random"): (51.5, 83.0),
    reading("l1"): (85.6, 90.2),
    reading("l2"): (),
    reading("fpgm"): (83.6, 90.1),
    reading("slimming"): (83.2, 88.5),
    reading("energy"): (86.1, 89.9),
    reading("taylor"): (),
    reading("cpot", temperature=8): (85.8, 90.0),
    reading("cpot"): (85.4, 90.0),  # temperature 4
    reading("cpot", temperature=2): (81.1, 89.7),
    reading("cpot", temperature=1): (82.7, 89.3),
    reading("cpot", temperature=0.5): (77.3, 89.4),
    reading("cpot", temperature=8, barycenter="median"): (85.5, 89.7),
    reading("cpot", temperature=8, barycenter="mean"): (85.8, 90.3),
    reading("cpot", ground="spatial"): (),
    reading("cpot", distribution="weights"): (46.7, 84.3),
    reading("cpot", distribution="activations"): (40.4, 82.2),
    reading("cpot", distribution="maps"): (),
    reading("cpot", distribution="maps", debiased=False): (13.1, 79.3),
    reading("di"): (85.6, 90.9),  # taylor, rho 0.1
    reading("di", rho=100): (85.3, 90.9),
    reading("di", where="after"): (83.0, 89.4),
    reading("di", form="exact"): (),
    reading("di", form="exact", where="after"): (69.0, 87.0),  # 66 to 72 raw
    reading("di", form="exact", one_shot=True): (),
    reading("di", form="exact", one_shot=True, where="after"): (64.9,),
    reading("catro", pooled=True, **PLAIN): (43.4, 82.2),
    reading("catro", **PLAIN): (15.9, 68.7),
    reading("catro", gamma=0): (),
    reading("catro"): (85.5, 88.7),  # gamma 3, un-pooled, reader-weighted
    reading("catro", gamma=10): (85.3, 89.3),
    reading("catro", debias=True): (),
    reading("conductance"): (),
    reading("gradient_x_activation"): (),
    reading("integrated_gradients"): (),
}
ON_SCENES = {  # the trial's figures at 30, 50 and 70 %, of another training of the network (92.6 % whole)
    reading("random"): ((63.7, 88.7), (11.2, 59.9), (10.1, 31.9)),
    reading("l1"): ((64.5, 89.4), (10.9, 83.6), (11.2, 47.9)),
    reading("slimming"): ((71.4, 88.2), (15.0, 72.2), (9.6, 32.0)),
    reading("fpgm"): ((39.8, 88.7), (10.7, 78.4), (11.2, 46.1)),
    reading("energy"): ((62.2, 89.4), (11.5, 83.0), (11.4, 55.7)),
    reading("cpot"): ((57.6, 89.3), (15.5, 79.3), (11.2, 50.1)),
    reading("cpot", temperature=2): ((49.5, 89.3), (13.0, 80.8), (11.2, 52.5)),
    reading("cpot", temperature=1): ((46.8, 89.0), (19.5, 77.2), (11.2, 55.0)),
}
WITH_LABELS = (*map(reading, ("di", "catro", "taylor")), reading("di", form="exact", where="after"))
ENERGY = reading("energy")


def shuffled(asked: Reading) -> Reading:
    return Reading(asked.criterion, (*asked.options, ("labels", "shuffled")))


CONTROLS = (*WITH_LABELS, *map(shuffled, WITH_LABELS), ENERGY)


# --------------------------------------------------------------------------------------------- measuring


def recipe_of(place: str, share: float, seed: int, threads: int) -> Recipe:
    fields = {"criterion": "l1", "measure": "channels", "cut": share, "seed": seed, "threads": threads}
    return Recipe(**fields) if place == "scenes" else public(place, **fields)


def key(place: str, share: float, asked: Reading, seed: int) -> str:
    return f"shot-{place}-{share:g}-{asked.name}-{seed}"


def measure(place: str, readings, shares, seeds, threads: int):
    """Right answers, raw and recalibrated, of every reading at every cut; what is known is left out."""
    for seed in seeds:
        pairs = [(asked, share) for asked in readings for share in shares]
        pairs = [(asked, share) for asked, share in pairs if not known(key(place, share, asked, seed))]
        if not pairs:
            continue
        recipe = recipe_of(place, shares[0], seed, threads)
        loaded = load(recipe)
        how = {"seed": seed, "calibration": recipe.calibration, "groups": "inner"}
        chosen = dict.fromkeys(asked.chosen for asked, _ in pairs)
        scores = score_all(loaded.graph, chosen, loaded.data, **how)
        for asked, share in pairs:
            one, found = recipe.but(cut=share), scores[asked.chosen]
            remembered(key(place, share, asked, seed), lambda w=loaded, o=one, f=found: one_cut(w, o, f))


def one_cut(loaded, recipe: Recipe, scores) -> dict[str, list[int]]:
    small = cut(loaded.model, planned(recipe, loaded.graph, scores))
    split, normalization = loaded.data.test, loaded.model.origin.normalization
    raw = right(small, split, normalization)
    recalibrate(small, CalibrationImages(small, loaded.data, recipe.calibration, recipe.seed))
    return {"raw": raw, "recalibrated": right(small, split, normalization)}


# ---------------------------------------------------------------------------------------------- the tables


def rows(place: str, share: float, asked: Reading, seeds=SEEDS) -> list[dict]:
    return [row(key(place, share, asked, seed)) for seed in seeds]


def shot_table(place: str) -> list[str]:
    """A row a reading: raw and recalibrated at each cut, and where there was a trial, its figures."""
    shares = CUTS if place == "scenes" else (CUT,)
    trials = {"resnet56": {asked: (told,) for asked, told in READINGS.items()}, "scenes": ON_SCENES}.get(
        place
    )
    heads = [f"{100 * share:.0f} %: raw | recalibrated" for share in shares]
    heads += ["trial: raw / recalibrated | more than 2 points below it"] if trials else []
    lines = [f"| criterion | {' | '.join(heads)} |", "|---" * (1 + 2 * len(heads)) + "|"]
    far = []
    for asked in READINGS:
        found = [rows(place, share, asked) for share in shares]
        cells = [spread([of[stage] for of in each]) for each in found for stage in STAGES]
        if trials:
            told = trials.get(asked, ())
            below = [
                what for each in zip(shares, found, told, strict=False) for what in below_trial(asked, *each)
            ]
            far += [asked.title] if below else []
            cells += [
                "; ".join(" / ".join(f"{value:.1f}" for value in pair) for pair in told),
                ", ".join(below),
            ]
        lines.append(f"| {asked.title} | {' | '.join(cells)} |")
    if trials:
        lines += ["", f"More than {FAR:g} points below the trial: {', '.join(far) or 'no row'}."]
    return lines


def below_trial(asked: Reading, share: float, found: list[dict], figures: tuple[float, ...]) -> list[str]:
    """Where a reading is far below the trial's figures; raw `random` is drawn, not compared."""
    told = []
    for stage, figure in zip(STAGES, figures, strict=False):
        mean = 100 * np.mean([np.mean(of[stage]) for of in found])
        if figure - mean > FAR and (asked.criterion, stage) != ("random", "raw"):
            told.append(f"{stage} at {100 * share:.0f} %")
    return told


def labels_table(place: str) -> list[str]:
    """A row a criterion and cut: true labels, shuffled ones, and the differences, recalibrated."""
    lines = [
        "| criterion | cut | true labels | shuffled labels | true less shuffled | true less `energy` |",
        "|---|---|---|---|---|---|",
    ]
    for asked in WITH_LABELS:
        for share in CUTS:
            true, dealt, energy = (
                [of["recalibrated"] for of in rows(place, share, each, MORE_SEEDS)]
                for each in (asked, shuffled(asked), ENERGY)
            )
            gaps = [in_points(paired_difference(true, other)) for other in (dealt, energy)]
            cells = [f"{100 * share:.0f} %", spread(true), spread(dealt), *gaps]
            lines.append(f"| {asked.title} | {' | '.join(cells)} |")
    for share in CUTS:
        energy = [of["recalibrated"] for of in rows(place, share, ENERGY, MORE_SEEDS)]
        lines.append(f"| {ENERGY.title} | {100 * share:.0f} % | {spread(energy)} | | | |")
    return lines
