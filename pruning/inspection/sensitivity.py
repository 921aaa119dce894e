"""Sensitivity: what each group alone can bear. One group at a time loses a share of its channels, and what
the network is still worth is measured on hold-out images, before its readers are refitted and after.

Tied layers are one group, so no layer of a residual stream is unhurt because nothing of it was cut. What runs
before a group's readers is computed once, and so is what the refits need of the images.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pruning.channels.indices import cut_where_read
from pruning.criteria.registry import must_be_scored
from pruning.experiment.loaded_networks import loaded
from pruning.experiment.recipe import Recipe
from pruning.inspection.channel_removal import IMAGES, Steps, batches, holdout_of, learned, losses
from pruning.inspection.preview import scored
from pruning.metric_words import correct
from pruning.number_checks import share as must_be_a_share
from pruning.progress import Watch, silent
from pruning.search.removal_order import Order
from pruning.tasks import TASKS
from pruning.terms import plural

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
COLUMNS = ["group", "tied_to", "share", "kept", "channels", "accuracy_raw", "accuracy_repaired"]
COLUMNS += ["correct_raw", "correct_repaired", "error", "cross_entropy_raw", "cross_entropy_repaired"]
COLUMNS += ["images"]


def sensitivity(
    recipe: Recipe, shares: Sequence[float] = SHARES, watch: Watch = silent, *, images: int = IMAGES
) -> pd.DataFrame:
    """A row a group and share. group; tied_to: the other layers that write it, joined by `;`.   share: asked
    for; of `channels` those `kept`.   accuracy_raw, accuracy_repaired: the task's metric on so many hold-out
    `images`, and correct_raw, correct_repaired as counts where it counts right answers.   error: share of the
    variance lost of what the readers' outputs are added to, once they are refitted.   cross_entropy_raw,
    cross_entropy_repaired: nats.

    Share 0 is the whole network. The recipe's criterion says which channels go first, its `groups` whether
    residual streams are measured as well; its cut, allocation and repair are not read. The readers of a
    stream are refitted each by itself. Each row is told to the watch as it is found. attrs: messages, task
    (its name), and learned: whether the network may have been trained on these images. Raises ValueError
    where there is nothing to cut.
    """
    must_be_scored(recipe.criterion)
    measure = _Measure(recipe, _read(shares), images, watch)
    found = []
    for row in measure.rows():
        measure.steps.watch("sensitivity", measure.steps.done, measure.steps.total, **row)
        found.append(row)
    table = pd.DataFrame(found, columns=COLUMNS)
    told = {"messages": tuple(measure.messages), "learned": learned(measure.loaded)}
    table.attrs |= told | {"task": measure.task.name}
    return table


def in_one_line(table: pd.DataFrame) -> str:
    """Which group bears least and which most, at the largest share that was measured."""
    share, images = table["share"].max(), table["images"].iloc[0]
    said = TASKS[table.attrs["task"]].metric.in_words
    rows = table[table["share"] == share].sort_values("cross_entropy_raw", ascending=False)
    most, least = (
        f"{row.group} ({said(row.accuracy_raw)}, reconstructed {said(row.accuracy_repaired)})"
        for row in rows.iloc[[0, -1]].itertuples()
    )
    return (
        f"{plural(len(rows), 'group')} x {plural(table['share'].nunique(), 'pruning ratio')}, {images:,} "
        "hold-out "
        f"images; a cut of {100 * share:g} % costs most in {most}, least in {least}"
    )


def _read(shares: Sequence[float]) -> tuple[float, ...]:
    if not shares:
        raise ValueError("shares is empty; give shares of a group's channels, such as 0.1 0.3 0.5")
    for value in shares:
        must_be_a_share(value, "shares")
    return tuple(dict.fromkeys(map(float, shares)))


class _Measure:
    """A copy of the recipe's network, and all that is known of it before the first cut."""

    def __init__(self, recipe: Recipe, shares: tuple[float, ...], images: int, watch: Watch):
        from pruning.channels.slices import copy_with
        from pruning.reconstruction.gram_matrices import grams
        from pruning.reconstruction.single_group_refit import readers
        from pruning.search.prefix_cache import batches as resumed
        from pruning.statistics.calibration_images import CalibrationImages

        self.loaded = found = replace(loaded(recipe, watch), recipe=recipe)  # kept for other recipes too
        self.structure, self.shares = found.graph.structure, shares
        self.groups = [
            g for g, group in enumerate(self.structure.groups) if group.inner or recipe.groups == "all"
        ]
        if not self.groups:
            raise ValueError(
                f"no group of {recipe.model} can be cut; its list of groups says why, layer by layer"
            )
        self.order = Order(self.structure, scored(recipe, watch))
        self.model = copy_with(found.model, {}).eval()
        drawn = CalibrationImages(self.model, found.data, recipe.calibration, recipe.seed)
        self.known = grams(self.model, self.structure, drawn, self.groups, watch=watch)
        few = next(iter(drawn.batches(2)))[0]
        self.readers, left = readers(self.model, self.structure, self.groups, self.known, few)
        self.messages = [*found.messages, *drawn.messages, *left]
        self.task, self.asked = found.data.task, holdout_of(found, images)
        parts = list(batches(found, self.asked))
        self.targets = [targets for _, targets in parts]
        reading = [list(cut_where_read(self.structure, {g: np.zeros(0, int)})) for g in self.groups]
        self.parts = resumed(self.model, [inputs for inputs, _ in parts], reading)
        cuts = sum(len({*self.counts(g)} - {0}) for g in self.groups)
        self.steps = Steps(watch, "sensitivity", (1 + 2 * cuts) * len(parts))

    def counts(self, g: int) -> list[int]:
        """Channels that go at each share: as `plan` counts them, and one stays."""
        size = self.structure.groups[g].size
        return [min(int(np.floor(share * size + 1e-9)), size - 1) for share in self.shares]

    def rows(self) -> Iterator[dict]:
        whole = self._measured((), keep=True)
        for g in self.groups:
            group, found = self.structure.groups[g], {0: (whole, whole, 0.0)}
            for share, count in zip(self.shares, self.counts(g), strict=True):
                if count not in found:
                    found[count] = self._cut(g, count)
                (value, nats), (value_again, nats_again), error = found[count]
                yield {
                    "group": group.name,
                    "tied_to": ";".join(group.tied_to),
                    "share": share,
                    "kept": group.size - count,
                    "channels": group.size,
                    "accuracy_raw": value,
                    "accuracy_repaired": value_again,
                    "correct_raw": correct(self.task, value, self.images),
                    "correct_repaired": correct(self.task, value_again, self.images),
                    "error": error,
                    "cross_entropy_raw": nats,
                    "cross_entropy_repaired": nats_again,
                    "images": self.images,
                }

    @property
    def images(self) -> int:
        return len(self.asked)

    def _cut(self, g: int, count: int) -> tuple[tuple[float, float], tuple[float, float], float]:
        """The metric and the loss without `count` channels of a group, its readers as they were and refitted;
        and the share of the variance lost."""
        from pruning.channels.slices import silenced
        from pruning.reconstruction.single_group_refit import refitted

        kept = self.order.without(g, count)
        gone = cut_where_read(self.structure, {g: kept})
        with silenced(self.model, gone):
            raw = self._measured(gone)
        as_they_were = {weight: slices for weight, slices in gone.items() if weight not in self.readers}
        chosen = {weight: slices for weight, slices in gone.items() if weight in self.readers}
        with silenced(self.model, as_they_were), refitted(self.readers, chosen):
            repaired = self._measured(gone)
        return raw, repaired, self._error(g, kept, count)

    def _error(self, g: int, kept: np.ndarray, count: int) -> float:
        from pruning.reconstruction.error_curves import curve

        first = np.setdiff1d(self.order.sequence(g), kept, assume_unique=True)
        rest = np.setdiff1d(self.order.sequence(g), first, assume_unique=True)
        return float(curve(self.known, self.structure, g, np.concatenate([first, rest])).error[count])

    def _measured(self, weights: Collection[str], *, keep: bool = False) -> tuple[float, float]:
        """The metric, and the mean loss in nats. weights: those that are not the whole network's."""
        found, nats = [], 0.0
        for part, targets in zip(self.parts, self.targets, strict=True):
            outputs = part.run(tuple(weights), keep=keep)
            nats += float(losses(self.task, outputs, targets).sum())
            found.append(self.task.statistics(outputs, targets))
            self.steps()
        statistics = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
        return self.task.value(statistics, self.asked.labels), nats / self.images
