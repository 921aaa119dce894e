"""How long a run takes, from how fast its network was just measured to be, and how much of it is left.

A pass of the network over one image is the unit: how many of it every step takes was measured once (how well
that holds is in docs/duration.md), and how long it takes is measured here and now, so a busy machine is a
slower one.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruning.criteria import CRITERIA
from pruning.progress import Watch, silent
from pruning.terms import MERGING

if TYPE_CHECKING:
    from pruning.data import Dataset
    from pruning.experiment.loading import Loaded
    from pruning.experiment.recipe import Recipe

# What a step takes, in passes of the whole network over so many images.
SCORING = {"reconstruction": 3.0}  # of the calibration images; other criteria that look at images:
SCORING_ELSE = 1.5
RECONSTRUCTED = 5.8  # of the calibration images
MERGED = 1.6  # of the calibration images: a pass with covariances, and the solves
TRYING = 7.5  # of the fewer images that a cut is tried with
TRAINED = 3.5  # a step of training, where it was not measured
STEP = 0.75  # of a step of training, by one of matching: norms are folded, and channels last in memory
MATCHED = 1.3  # beside that: the whole network is asked as well
LOOKS = 0.45  # of the calibration images, in both networks: those set aside, at first and 5 times
GATED = 1.25  # a step of training gates, of one without
BATCH_MATCHED = 50  # images a step of matching
TABLE = 6000  # of an image: measuring the times of layers
TRIED, ASKED = 256, 500  # images that a tried cut is repaired by, and asked about
TIMED = 28 * 65  # images that each network is timed on at the end
SAVED = 0.55  # of the time, by a cut of all multiply-accumulates: the rest does not shrink with channels
LOADED = 1.0  # seconds: data and network, and which channels belong together
SEARCHED = ("greedy", "trace-ratio")  # allocations whose length only shows as they run


@dataclass(frozen=True)
class Pace:
    """How fast a network is on this machine now. forward: images a second that it answers.   train: that it
    is trained on, None where only the other was measured.   images: of each part, {train, holdout, test}."""

    forward: float
    train: float | None
    images: Mapping[str, int]

    @property
    def trains(self) -> float:
        return self.train or self.forward / TRAINED


def pace_now(recipe: "Recipe", watch: Watch = silent) -> Pace:
    """Measured in a fraction of a second, with the recipe's threads."""
    from pruning.experiment.loaded_networks import loaded
    from pruning.train.throughput import answering, training

    found = loaded(recipe, watch)
    where = (found.model, found.data, found.model.origin.normalization, recipe.device)
    watch("pace", 0, 2)
    answers = answering(*where)
    watch("pace", 1, 2)
    trains = training(*where, batch_size=recipe.batch_size, answers=answers, watch=watch)
    return Pace(answers, trains, images_of(found.data))


def images_of(data: "Dataset") -> dict[str, int]:
    return {part: len(getattr(data, part)) for part in ("train", "holdout", "test")}


def steps_of(recipe: "Recipe", pace: Pace) -> dict[str, float]:
    """{step: seconds}, in the order in which `run` takes them; a search is counted as nothing."""
    whole, small = 1 / pace.forward, time_left(recipe) / pace.forward
    calibration = min(recipe.calibration, pace.images["train"])
    test = pace.images["test"]
    found = {}
    if recipe.trained:
        found["evaluate baseline"] = test * whole
        found["gates"] = GATED * _epochs(recipe.gate_epochs, pace, whole, 1.0)
        found["evaluate gates"] = test * whole
    else:
        if recipe.measure == "latency" and recipe.latency is None:
            found["latency"] = TABLE * whole
        found["statistics"] = _scoring(recipe, calibration) * whole
        found["plan"] = _planning(recipe, pace, calibration) * whole
        found["evaluate baseline"] = test * whole
    found["evaluate cut"] = test * small
    found |= _mending(recipe, pace, calibration, whole, small)
    found["time"] = TIMED * (whole + small)
    return found


def _mending(recipe: "Recipe", pace: Pace, calibration: int, whole: float, small: float) -> dict[str, float]:
    """Repair, fine-tuning, rounding, and the test images after each."""
    found, test, share = {}, pace.images["test"], time_left(recipe)
    if recipe.repair == "recalibrate":
        found["recalibrate"] = calibration * small
    elif recipe.repair in MERGING:
        found["merge"] = MERGED * calibration * whole
    elif recipe.repair != "none":
        found["reconstruct"] = RECONSTRUCTED * calibration * whole
    if recipe.repair == "match":
        each = STEP * share / pace.trains + MATCHED * whole
        found["match"] = recipe.match_steps * BATCH_MATCHED * each + LOOKS * calibration * (whole + small)
    if recipe.repair != "none":
        found["evaluate repaired"] = test * small
    if recipe.tune_epochs:
        taught = pace.images["train"] * whole + 2 * calibration * whole if recipe.distill else 0.0
        found["tune"] = _epochs(recipe.tune_epochs, pace, small, share) + recipe.tune_epochs * taught
        found["evaluate tuned"] = test * small
    if recipe.bits is not None:
        found["quantize"] = calibration * small + _epochs(recipe.bits_epochs, pace, small, share)
        found["evaluate quantized"] = test * small
    return found


def _epochs(epochs: int, pace: Pace, each: float, share: float) -> float:
    """Seconds of epochs and of asking the hold-out before and after each. each: seconds an image asked."""
    if not epochs:
        return 0.0
    return epochs * pace.images["train"] * share / pace.trains + (epochs + 1) * pace.images["holdout"] * each


def _scoring(recipe: "Recipe", calibration: int) -> float:
    """In passes over an image."""
    needs = CRITERIA[recipe.criterion].needs(dict(recipe.options))
    if not needs:
        return 0.0
    options = dict(recipe.options)
    if "images" in options:  # attributions: every step is a pass there and back
        return min(options["images"], calibration) * options.get("steps", 1) * TRAINED
    return SCORING.get(recipe.criterion, SCORING_ELSE) * calibration


def _planning(recipe: "Recipe", pace: Pace, calibration: int) -> float:
    """In passes over an image: errors, where scoring did not find them, and the two cuts that are tried."""
    if recipe.allocation != "error":
        return 0.0
    errors = 0.0 if recipe.criterion == "reconstruction" else SCORING["reconstruction"] * calibration
    refits = 2 if recipe.repair in ("reconstruct", "match") else 0
    return errors + refits * TRYING * min(TRIED, calibration) + 3 * min(ASKED, pace.images["holdout"])


def time_left(recipe: "Recipe") -> float:
    """The share of its time that the cut network takes, as far as that is known before it is cut."""
    return 1 - recipe.cut * (1.0 if recipe.measure == "latency" else SAVED)


def seconds_of(recipe: "Recipe", pace: Pace) -> float:
    """Of the whole run."""
    return LOADED + sum(steps_of(recipe, pace).values())


def in_words(recipe: "Recipe", pace: Pace) -> str:
    """A sentence on how long a run takes."""
    words = f"A run takes about {about(seconds_of(recipe, pace))} on this machine as busy as it is now"
    return words + (", and the search besides." if recipe.allocation in SEARCHED else ".")


def about(seconds: float) -> str:
    """12 s, 40 s, 3 min, 1.5 h: as exact as an estimate is."""
    if seconds < 20:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


# --------------------------------------------------------------------------------------------- while it runs

LEFT = "run_seconds_left"  # as a watch is told it
OWN_PACE = ("latency", "match", "tune", "gates", "time")  # the same from beginning to end
# Least squares in wide layers takes more than passes foretell (of a slim VGG 4.6 times as long), so these say
# how fast a network is only as long as nothing else does.
SOLVING = {"statistics", "plan", "merge", "reconstruct"}
EARLY = 0.5  # seconds of a step, before which it says nothing of its own pace


class Left:
    """A watch that adds to all that is told how many seconds the whole run has left: `run_seconds_left`.

    Steps that are over say how fast this machine is; a long one that is under way says how long it takes
    itself.
    """

    def __init__(self, watch: Watch):
        self.watch, self.expected, self.took = watch, {}, {}  # in passes; in seconds
        self.step, self.began = "", time.perf_counter()

    def expect(self, loaded: "Loaded"):
        """From now on it is known what is to be done; how fast the network is shows as it goes."""
        self.expected = steps_of(loaded.recipe, Pace(1.0, None, images_of(loaded.data)))

    def begin(self, step: str):
        """What was under way is over."""
        now = time.perf_counter()
        if self.step:
            self.took[self.step] = now - self.began
        if step == "repair":
            step = next((one for one in ("recalibrate", "merge") if one in self.expected), "reconstruct")
        self.step, self.began = step, now

    def __call__(self, stage: str, done: int, total: int, **values: Any):
        if self.step == "reconstruct" and values.get("message") == "match":
            self.begin("match")
        left = self.left(stage, done, total, values.get("seconds_left"))
        if left is not None:
            values[LEFT] = left
        self.watch(stage, done, total, **values)

    def left(self, stage: str, done: int, total: int, told: float | None = None) -> float | None:
        """Seconds; None as long as nothing says how fast the network is. Arguments as a watch is told them.
        told: how long what is under way still takes, where it says so."""
        passed, share = time.perf_counter() - self.began, done / max(1, total)
        own = self.step in OWN_PACE or self.step.startswith("evaluate") or stage == "search"
        own = own and passed > EARLY and 0 < share <= 1
        unit = self.unit(passed, share if own else 0.0)
        if unit is None:
            return None
        later = unit * sum(self.expected[step] for step in self.after())
        if own:
            return later + (passed * (1 - share) / share if told is None else told)
        return later + max(0.0, unit * self.expected.get(self.step, 0.0) - passed)

    def after(self) -> list[str]:
        """Steps that are still to begin."""
        steps = list(self.expected)
        begun = [place for place, step in enumerate(steps) if step in self.took or step == self.step]
        return steps[max(begun, default=-1) + 1 :]

    def unit(self, passed: float, share: float) -> float | None:
        """Seconds of a pass of the network over an image, from what is over and that share of what is under
        way."""
        share = share if self.expected.get(self.step) else 0.0  # a search is of no known length
        took = {step: seconds for step, seconds in self.took.items() if self.expected.get(step)}
        took = {step: took[step] for step in took.keys() - SOLVING} or ({} if share else took)
        expected = sum(self.expected[step] for step in took)
        expected += share * self.expected.get(self.step, 0.0)
        took = sum(took.values()) + (passed if share else 0.0)
        return took / expected if expected > 0 else None
