"""One cut and its repair, measured: what the parts of `tests.benchmarks.repair` have in common.

A row is one network that was asked for the test images once. Scores are made once a criterion, widths once a
cut, whatever is repaired then; what is known is not measured again.
"""

import copy
import time
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

import pruning
from pruning.experiment import Recipe
from pruning.experiment.loading import Loaded, load
from pruning.experiment.planning import planned, scores_of
from pruning.experiment.report import expected_here
from tests.benchmarks.measured import KEPT, public, remembered, right

CALIBRATION = 1000  # training images, their labels unread by the repairs
OURS = "reconstruction"
SCENES = tuple(f"{model}-scenes" for model in ("resnet20", "vgg16_slim", "mobilenet_v2_slim"))  # bundled
DEEP, SHALLOW = "resnet56-cifar10", "resnet20-cifar10"  # public
CUTS = (0.3, 0.5, 0.7)
STEPS = 200
REPAIRS = ("none", "recalibrate", "reconstruct", "match")
TITLES = {"none": "raw", "recalibrate": "recalibrated", "reconstruct": "reconstructed", "match": "matched"}


@dataclass(frozen=True)
class Case:
    """A cut network. place: a public network (resnet56-cifar10) or a bundled one (resnet20-scenes)."""

    place: str
    cut: float
    seed: int
    criterion: str = OURS
    allocation: str = "error"
    groups: str = "inner"
    repair: str = "none"
    steps: int = STEPS

    @property
    def key(self) -> str:
        repair = f"match{self.steps}" if self.repair == "match" else self.repair
        what = f"{self.criterion}-{self.allocation}-{self.groups}-{repair}"
        return f"repair-{self.place}-{what}-{self.cut:g}-{self.seed}"

    def recipe(self, threads: int) -> Recipe:
        return recipe_of(
            self.place,
            criterion=self.criterion,
            allocation=self.allocation,
            groups=self.groups,
            repair="none",
            cut=self.cut,
            seed=self.seed,
            threads=threads,
        )


def recipe_of(place: str, **fields) -> Recipe:
    model, _, data = place.partition("-")
    fields = {"calibration": CALIBRATION, **fields}
    if data == "cifar10":
        return public(model, **fields)
    return Recipe(model=model, data=data, **fields)


@lru_cache(maxsize=1)
def scored(recipe: Recipe) -> tuple[Loaded, object, float]:
    """recipe: with cut and allocation as they are by default, so that all cuts share it."""
    loaded, start = load(recipe), time.perf_counter()
    scores = scores_of(loaded)
    return loaded, scores, time.perf_counter() - start


@lru_cache(maxsize=1)
def made(case: Case, threads: int, expecting: bool):
    """What is loaded, the plan and the cut network of a case; its repair is only what the plan expects."""
    asked = case.recipe(threads)
    loaded, scores, _ = scored(asked.but(cut=0.5, allocation="uniform"))
    recipe = loaded.recipe.but(cut=case.cut, allocation=case.allocation, repair=case.repair)
    plan = planned(recipe, loaded.graph, scores, loaded.data, expect=expecting)
    return loaded, plan, pruning.cut(loaded.model, plan)


def repaired(case: Case, threads: int, *, expecting: bool = False):
    """What is loaded, the plan, the repaired network and the seconds of the repair.

    expecting: the plan says which accuracy it expects after this very repair."""
    asked = case if expecting else replace(case, repair="none", steps=STEPS)
    loaded, plan, small = made(asked, threads, expecting)
    small, start = copy.deepcopy(small), time.perf_counter()
    if case.repair != "none":
        how = {"calibration": CALIBRATION, "seed": case.seed, "match_steps": case.steps}
        pruning.repair(small, plan, loaded.model, loaded.data, case.repair, **how)
    return loaded, plan, small, time.perf_counter() - start


def measured(case: Case, threads: int, *, expecting: bool = False) -> dict:
    """{"hits": right answers, "macs_cut", "seconds" of the repair, "expected" there}: remembered."""
    whole = np.mean(baseline(case.place, threads)["hits"]) if expecting else 0.0

    def now() -> dict:
        loaded, plan, small, seconds = repaired(case, threads, expecting=expecting)
        hits = right(small, loaded.data.test, loaded.model.origin.normalization)
        told = {"macs_cut": 1 - plan.macs / plan.macs_before, "seconds": seconds}
        return {"hits": hits, **told, "expected": expected_here(plan, float(whole))}

    return remembered(case.key + ("-expected" if expecting else ""), now)


def baseline(place: str, threads: int) -> dict:
    """The full network's right answers."""

    def now() -> dict:
        loaded = load(recipe_of(place, criterion="l1", allocation="uniform", repair="none", threads=threads))
        return {"hits": right(loaded.model, loaded.data.test, loaded.model.origin.normalization)}

    return remembered(f"repair-{place}-baseline", now)


def reads(place: str) -> int:
    """How often a network's test part was read for these tables: once a row."""
    return sum(1 for _ in KEPT.glob(f"repair-{place}-*.json"))
