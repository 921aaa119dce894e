"""What is asked for in the place of a pruning ratio, and what was found for it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pruning.error_messages import choose
from pruning.experiment.latency_report import measured_in
from pruning.experiment.recipe import Recipe
from pruning.latency import LatencyTable
from pruning.tasks import Metric
from pruning.terms import MEASURE_NAMES, percent

# kind: (help, unit)
KINDS = {
    "keep_metric": (
        "In place of --cut: the smallest network that keeps this much of the task's metric, such as 0.92.",
        "",
    ),
    "points_below": (
        "In place of --cut: the smallest network at most this many points of the task's metric below the "
        "full network, such as 1.",
        "points",
    ),
    "at_most_ms": (
        "In place of --cut: the least cut by which a batch takes at most this many milliseconds here; "
        "report.json says of how many images.",
        "ms",
    ),
    "at_most_kb": (
        "In place of --cut: the least cut by which the weights take at most this many kB (1,000 bytes).",
        "kB",
    ),
}
METRIC_KINDS = ("keep_metric", "points_below")


@dataclass(frozen=True)
class Target:
    """kind: one of KINDS.   value: a share (0.92), points of the metric (1.0), ms a batch, or kB."""

    kind: str
    value: float

    def __post_init__(self):
        choose(self.kind, KINDS, "target")
        limit = 1.0 if self.kind == "keep_metric" else 100.0 if self.kind == "points_below" else 1e9
        number = isinstance(self.value, (int, float)) and not isinstance(self.value, bool)
        low_ok = number and (self.value >= 0 if self.kind == "points_below" else self.value > 0)
        if not (low_ok and self.value <= limit):
            right = {"keep_metric": "a share, such as 0.92", "points_below": "points, such as 1"}
            raise ValueError(f"the target is {self.value}; give {right.get(self.kind, 'a number above 0')}")

    @property
    def of_metric(self) -> bool:
        return self.kind in METRIC_KINDS

    def in_words(self, metric: Metric) -> str:
        """As a noun: what the network has to be."""
        if self.kind == "keep_metric":
            return f"{metric.name} of at least {metric.in_words(self.value)}"
        if self.kind == "points_below":
            points = "point" if self.value == 1 else "points"
            return f"at most {self.value:g} {points} of {metric.name} below the full network"
        return (
            f"at most {self.value:g} ms a batch"
            if self.kind == "at_most_ms"
            else f"at most {self.value:g} kB"
        )


@dataclass(frozen=True)
class Candidate:
    """A cut that was tried. macs: its share of the full network's.   value: metric on the hold-out.   lost,
    low, high: by how much that is below the full network's there, with its 95 % interval.   cost: ms or kB.
    achieved: share of the measure that its plan takes, as widths round it. None: not asked."""

    cut: float
    macs: float
    value: float | None = None
    lost: float | None = None
    low: float | None = None
    high: float | None = None
    cost: float | None = None
    achieved: float | None = None


@dataclass(frozen=True)
class Found:
    """recipe: with the cut that was found.   metric: the task's.   candidates: in the order they were tried.
    sure: how probable it is that new images meet the target too, from the hold-out's interval; None of a
    cost.   holdout: how many images judged.   messages: what should be known.   table: of measured times, of
    a latency."""

    recipe: Recipe
    target: Target
    metric: Metric
    candidates: tuple[Candidate, ...]
    sure: float | None = None
    holdout: int = 0
    messages: tuple[str, ...] = ()
    table: LatencyTable | None = None

    @property
    def chosen(self) -> Candidate:
        return next(one for one in self.candidates if one.cut == self.recipe.cut)

    def told(self) -> dict[str, Any]:
        """As report.json has it, in plain values."""
        return {
            "kind": self.target.kind,
            "value": self.target.value,
            "cut": self.recipe.cut,
            "sure": self.sure,
            "holdout_images": self.holdout,
            "candidates": [asdict(one) for one in self.candidates],
        }

    def to_dict(self) -> dict[str, Any]:
        """All of it but the table, in plain values: with a run that is gone on with later."""
        told: dict[str, Any] = {
            "recipe": self.recipe.to_dict(),
            "target": asdict(self.target),
            "metric": asdict(self.metric),
        }
        told |= {"candidates": [asdict(one) for one in self.candidates], "messages": list(self.messages)}
        return told | {"sure": self.sure, "holdout": self.holdout}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> "Found":
        """Raises ValueError, KeyError or TypeError for what `to_dict` does not give."""
        candidates = tuple(Candidate(**one) for one in told["candidates"])
        named = Recipe.from_dict(told["recipe"]), Target(**told["target"]), Metric(**told["metric"])
        return cls(*named, candidates, told["sure"], told["holdout"], tuple(told["messages"]))

    def add_to(self, report: dict[str, Any]):
        """Puts what was found into a run's report, and whether the run met it."""
        messages = [self.in_words(), *self.messages]
        final = [value for value in report["values"].values() if value is not None][-1]
        asked = self.target.value
        took = measured_in(report["latency_ms"], self.recipe.runtime).get("final", 0.0)
        if self.target.kind == "at_most_ms" and took > asked:
            messages.append(
                f"a batch took {took:.3g} ms when it was measured, {asked:g} were "
                "asked for: the estimate is of layers by themselves, and a busy machine is slower"
            )
        if self.target.kind == "keep_metric" and final < asked:
            messages.append(
                f"on the test images {self.metric.name} is {self.metric.in_words(final)}, below the target"
            )
        report["target"] = self.told()
        report["messages"] = [*messages, *report["messages"]]

    def in_words(self) -> str:
        """One sentence: what was found, and how sure it is."""
        metric = self.metric
        share = self.recipe.cut if self.chosen.achieved is None else self.chosen.achieved
        cut = f"{percent(share)} of the {MEASURE_NAMES[self.recipe.measure]} cut"
        start = f"The smallest network found with {self.target.in_words(metric)}: {cut}"
        if self.sure is None:
            unit = KINDS[self.target.kind][1]
            return f"{start}, {self.chosen.cost:,.4g} {unit}"
        value = metric.in_words(self.chosen.value)
        lost, low, high = (100 * each for each in (self.chosen.lost, self.chosen.low, self.chosen.high))
        away = f"{abs(lost):.1f} points {'above' if lost < 0 else 'below'} the full network"
        return (
            f"{start}; on {self.holdout:,} hold-out images {metric.name} {value}, {away} "
            f"({_below(low)} to {_below(high)}); {percent(self.sure, 0)} sure for new images"
        )


def _below(points: float) -> str:
    return f"{abs(points):.1f} {'above' if points < 0 else 'below'}"
