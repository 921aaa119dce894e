"""search_plan: from a network, a criterion and images to a Plan, by an allocation that runs the network.

graph: a ChannelGraph, whose network is not changed; its Structure where scores and errors are given.
criterion, options: say which channels of a group go first.
data: as for `score`; what a step costs is measured on its hold-out.
allocation: greedy, trace-ratio or error.   cut, measure, groups, protect, cut_group, max_cut_per_group,
min_channels, round_to, latency: as for `plan`.
by: what greedy counts: the rise of cross-entropy or of KL to the full network, or the DI lost, which runs no
network.   kl_temperature: by which answers are softened before KL.   images: of the hold-out, drawn by
`seed`.   every: steps after which greedy scores the network anew
as cut so far; 0: never.   recalibrated: losses are measured with the norms of each batch, for a network whose
norms will be recalibrated or trained; else with the stored ones.   calibration: images that scores and
statistics are made of.   scores: the criterion's, where they are known already.
errors: what `errors_of` found for these scores, likewise.   blocks: as for `plan`, with greedy and error.
expect: allocation error tries a few cuts to say what accuracy to expect after which repair; None: it does
not.   given: the criterion's options once more, for those that are called like an argument here (images).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from pruning.allocation import MEASURES, made, must_close_blocks
from pruning.allocation.limits import Limits, cost_of, limits_of, with_blocks
from pruning.channels.residual_branches import ResidualBranches
from pruning.channels.structure import Structure
from pruning.cost import Plan, Step
from pruning.criteria.registry import CRITERIA, must_be_scored, resolve_options
from pruning.criteria.scores import Scores
from pruning.criteria.scoring import score_all
from pruning.error_messages import choose
from pruning.latency import LatencyTable
from pruning.number_checks import of_python, positive, share, whole
from pruning.progress import Watch, silent
from pruning.search.budget import Budget
from pruning.search.by_error import by_error, lost_at
from pruning.search.expected_accuracy import Asked, tried_cuts
from pruning.search.greedy import greedy
from pruning.search.progress import Progress
from pruning.search.removal_errors import errors_of, heard_outside
from pruning.search.removal_order import Order, scored_again
from pruning.search.trace_ratio import trace_ratio
from pruning.terms import ALLOCATIONS, plural, sentence

SEARCHES = ("greedy", "trace-ratio", "error")
PRICES = ("cross-entropy", "kl", "kl-moved", "di")


def search_plan(
    graph,
    criterion: str,
    data,
    *,
    cut: float = 0.5,
    measure: str = "macs",
    allocation: str = "greedy",
    groups: str = "inner",
    protect: Iterable[str] = (),
    cut_group: Mapping[str, float] | Iterable[tuple[str, float]] = (),
    max_cut_per_group: float = 0.9,
    min_channels: int = 1,
    round_to: int = 1,
    latency: LatencyTable | None = None,
    by: str = "kl",
    kl_temperature: float = 1.0,
    images: int = 256,
    every: int = 0,
    recalibrated: bool = True,
    seed: int = 0,
    calibration: int = 1000,
    scores: Scores | None = None,
    errors: Mapping[int, np.ndarray] | None = None,
    blocks: bool | ResidualBranches = False,
    expect: Asked | None = Asked(),  # noqa: B008 (frozen)
    watch: Watch = silent,
    given: Mapping[str, Any] = MappingProxyType({}),
    **options,
) -> Plan:
    """Which channels stay so that `cut` of `measure` goes; see above. ValueError: that is out of reach."""
    _check(criterion, cut, measure, allocation, by, blocks, images, every, kl_temperature)
    net = getattr(graph, "structure", graph)
    limits = limits_of(net, groups, protect, dict(cut_group), max_cut_per_group, min_channels, round_to)
    budget = Budget(with_blocks(graph, limits, blocks), cost_of(net, measure, limits, latency), cut)
    resolved = dict(resolve_options(criterion, {**options, **given}))
    sample = _Sample(data, criterion, resolved, seed, calibration)
    prices = {"by": by, "temperature": kl_temperature, "images": images, "recalibrated": recalibrated}
    search = _Search(graph, sample, budget, prices, every, Progress(watch))
    return search.plan(allocation, measure, scores, errors, expect)


def _check(
    criterion: str,
    cut: float,
    measure: str,
    allocation: str,
    by: str,
    blocks,
    images: int,
    every: int,
    temperature: float,
):
    choose(measure, MEASURES, "measure")
    choose(allocation, SEARCHES, "allocation that runs the network")
    choose(by, PRICES, "price of a step")
    must_close_blocks(allocation, blocks)
    must_be_scored(choose(criterion, CRITERIA, "criterion"))
    share(of_python(cut), "cut")
    whole(of_python(images), "images", 1)
    whole(of_python(every), "every", 0)
    positive(of_python(temperature), "kl_temperature", "a temperature", 4, most=100)


@dataclass(frozen=True)
class _Sample:
    """The images and how a network is scored on them."""

    data: Any
    criterion: str
    options: dict[str, Any]
    seed: int
    calibration: int

    def score(self, graph, groups: str, watch: Watch, criterion: str | None = None) -> Scores:
        """groups: inner or all.   criterion: another one, at its default options but for the labels."""
        options = self.options
        if criterion and criterion != self.criterion:
            given = {"labels": options["labels"]} if "labels" in options else {}
            options = dict(resolve_options(criterion, given))
        chosen = (criterion or self.criterion, tuple(sorted(options.items())))
        how: dict[str, Any] = {"seed": self.seed, "calibration": self.calibration, "watch": watch}
        return score_all(graph, [chosen], self.data, groups=groups, **how)[chosen]


class _Search:
    """One search. order: which channels of a group go first, now.   messages: what a user should know of
    it."""

    order: Order

    def __init__(self, graph, sample: _Sample, budget: Budget, prices: dict, every: int, progress):
        self.graph, self.sample, self.budget, self.prices = graph, sample, budget, prices
        self.structure: Structure = getattr(graph, "structure", graph)
        self.by, self.every, self.progress = prices["by"], every, progress
        self.messages: list[str] = []

    @property
    def limits(self) -> Limits:
        return self.budget.limits

    @property
    def names(self) -> tuple[str, ...]:
        return self.structure.names

    @property
    def scored(self) -> str:
        """Which groups have to be scored: the inner ones, if no other loses channels."""
        losing = {*self.limits.open, *np.flatnonzero(self.limits.given).tolist()}
        return "inner" if all(self.structure.groups[g].inner for g in losing) else "all"

    def plan(self, allocation: str, measure: str, scores: Scores | None, errors, expect) -> Plan:
        scores = scores or self.sample.score(self.graph, self.scored, self.progress.watch)
        self.order, self.errors = Order(self.structure, scores), errors
        found = {"greedy": self.greedy, "trace-ratio": self.trace_ratio, "error": self.by_error}[allocation]
        counts, path = found()
        plan = self._made(counts, self.budget, measure)
        told = self.expected(measure, expect) if allocation == "error" and expect and path else None
        return replace(plan, path=path, expected=told, messages=(*plan.messages, *self.messages))

    def _made(self, counts: np.ndarray, budget: Budget, measure: str) -> Plan:
        kept = self.order.kept(counts)
        return made(self.structure, kept, measure, budget.cut, budget.cost, budget.limits)

    def greedy(self) -> tuple[np.ndarray, tuple[Step, ...]]:
        price = self._information_lost() if self.by == "di" else self._loss()
        counts, path = greedy(
            self.budget, price, self.names, after=self._renew(price), progress=self.progress
        )
        if self.by == "di":
            ran = f"{plural(self.progress.evaluations, 'candidate')} compared by DI lost, "
            ran += "without running the network"
        else:
            ran = f"{plural(self.progress.evaluations, 'evaluation')} on "
            ran += plural(len(price.holdout), "hold-out image")
        self.messages.append(told_of("greedy", f"{plural(len(path), 'step')}, {ran}."))
        return counts, path

    def _renew(self, price):
        def after(steps: int, counts: np.ndarray):
            if self.every and steps % self.every == 0 and self.budget.left(counts):
                graph = self._score_again(counts)
                if self.by == "di":
                    price.curves = self._curves(graph)

        return after

    def _score_again(self, counts: np.ndarray):
        """Scores the network as cut so far, from now on that decides; returns its graph."""
        watch = self.progress.within
        self.order, graph = scored_again(
            self.graph, self.order, counts, lambda small: self.sample.score(small, self.scored, watch)
        )
        return graph

    def _loss(self):
        from pruning.search.by_loss import Loss, holdout_batches

        how = dict(self.prices)
        given = (self.graph.model, self.sample.data, how.pop("images"), self.sample.seed)
        drawn = holdout_batches(*given, moved=self.by == "kl-moved")
        if drawn.message:
            self.messages.append(drawn.message)
        how |= {"kept": lambda g, n: self.order.without(g, n), "between": self.progress.tell}
        return Loss(self.graph, drawn, limits=self.limits, **how)

    def by_error(self) -> tuple[np.ndarray, tuple[Step, ...]]:
        if self.errors is None:
            sample, losing = self.sample, [*self.limits.open, *np.flatnonzero(self.limits.given).tolist()]
            how = {"seed": sample.seed, "calibration": sample.calibration, "watch": self.progress.within}
            self.errors = errors_of(self.graph, self.order.scores, sample.data, losing, **how)
        if self.limits.blocks is not None:
            self.errors = heard_outside(self.structure, self.errors, self.limits.blocks)
        counts, path = by_error(self.budget, self.errors, self.names, progress=self.progress)
        self.lost = lost_at(self.errors, counts)
        told = (
            f"after least-squares reconstruction, {self.lost:.3g} of the variance is missing where the "
            "groups are read"
        )
        self.messages.append(told_of("error", f"{plural(len(path), 'step')}; {told}."))
        return counts, path

    def expected(self, measure: str, asked: Asked) -> dict[str, float] | None:
        def plan_at(share: float):
            budget = replace(self.budget, cut=share)
            counts, _ = by_error(budget, self.errors, self.names, progress=Progress(silent))
            return self._made(counts, budget, measure), lost_at(self.errors, counts)

        how = {"seed": self.sample.seed, "error": self.lost, "watch": self.progress.within}
        return tried_cuts(self.graph, self.sample.data, plan_at, self.budget.cut, asked, **how)

    def _information_lost(self):
        from pruning.search.by_information import InformationLost

        return InformationLost(self._curves(self.graph))

    def _curves(self, graph) -> dict[int, np.ndarray]:
        from pruning.search.by_information import information_curves
        from pruning.statistics.calibration_images import CalibrationImages

        shuffled = self.sample.options.get("labels") == "shuffled"
        drawn = CalibrationImages(
            graph.model, self.sample.data, self.sample.calibration, self.sample.seed, shuffled=shuffled
        )
        return information_curves(graph, self.order, drawn, self.limits.open, self.progress.within)

    def trace_ratio(self) -> tuple[np.ndarray, tuple[Step, ...]]:
        counts, graph = self.limits.given.copy(), self.graph
        path: tuple[Step, ...] = ()
        rounds = max(1, int(self.sample.options.get("rounds", 2)))
        self.progress.begin(self.budget.left(counts))
        for number in range(1, rounds + 1):
            budget = replace(self.budget, cut=self.budget.cut * number / rounds)
            worth = self._worth(graph)
            lost = path[-1].price if path else 0.0
            counts, more = trace_ratio(budget, worth, self.names, counts, lost=lost, progress=self.progress)
            path = (*path, *more)
            if number < rounds:
                graph = self._score_again(counts)
        self.messages.append(
            told_of("trace-ratio", f"{plural(rounds, 'round')} of statistics, {plural(len(path), 'step')}.")
        )
        return counts, path

    def _worth(self, graph) -> dict[int, np.ndarray]:
        from pruning.criteria.catro import utilities

        scores = self.order.scores
        if self.sample.criterion != "catro":
            scores = self.sample.score(graph, self.scored, self.progress.within, "catro")
        gamma = self.sample.options.get("gamma", 3.0)
        tables = {g: scores.tables[self.names[g]] for g in self.limits.open}
        return {
            g: utilities(table["b"].to_numpy(float), table["w"].to_numpy(float), gamma=gamma)
            for g, table in tables.items()
        }


def told_of(allocation: str, words: str) -> str:
    return f"{sentence(ALLOCATIONS[allocation].title)}: {words}"
