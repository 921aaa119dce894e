"""Saved runs side by side: what they differ in, what each kept, how each went, which test images each gets
wrong, and what their difference is worth."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from pruning.comparison_statistics import Family, compared
from pruning.inspection.differing_choices import differing, in_words, listed
from pruning.inspection.saved_run import SavedRun, read_run
from pruning.tasks import DEFAULT, Metric, Task
from pruning.terms import plural

log = logging.getLogger(__name__)
KEPT = ("run", "criterion", "group", "before", "after", "share")
STAGE = ("run", "criterion", "stage", "metric", "value", "macs", "parameters", "latency_ms", "bytes")
EPOCH = ("run", "criterion", "epoch", "loss", "holdout_loss", "metric", "value")
WRONG = ("wrong_in", "runs", "images", "share")
PAIR = (
    *("a", "b", "differ_in", "difference", "low", "high", "verdict"),
    *("same_answers", "wrong_in_both", "wrong_in_either", "same_channels"),
)
CLASS = ("run", "criterion", "class", "images", "share")
ALL, ALONE = "all", "alone"


@dataclass(frozen=True, eq=False)
class RunsSideBySide:
    """What N saved runs say beside each other. Every table is there, without rows where it can't be made;
    `sentences` then say why.

    labels: of the runs that could be read.   task: of the first of them, and of all whose answers are
    compared.   metrics: {run: its own}.   differ: what the runs differ in, in a sentence.   fields: a row a
    recipe field that differs, a column a run.   stages: a row a run and stage; value: of its metric.   kept:
    a row a run and group, channels before and after.   epochs: a row a run and epoch of training, gates
    included; value: the hold-out's.   wrong: a row a set of runs that are wrong on the same images and the
    others right; share: of all images.   pairs: a row a pair: value of a less that of b with the interval of
    this pair alone, the verdict within the family, the share of images (of masks: pixels) with the same
    answer, counts of images that both and that either gets wrong, and the share of channels kept in either
    that both keep (NaN of different networks).   classes: a row a run and class, the share right (of masks:
    the value of the class alone).   images: a row an image of which not all have the same right or wrong: its
    row in the test part, its class and each run's answer.   family: what the intervals come from, or None.
    sentences: what could not be compared, and why.
    """

    labels: tuple[str, ...]
    task: Task
    metrics: dict[str, Metric]
    differ: str
    fields: pd.DataFrame
    stages: pd.DataFrame
    kept: pd.DataFrame
    epochs: pd.DataFrame
    wrong: pd.DataFrame
    pairs: pd.DataFrame
    classes: pd.DataFrame
    images: pd.DataFrame
    family: Family | None
    sentences: tuple[str, ...]

    @property
    def metric(self) -> Metric:
        return self.task.metric


def side_by_side(runs: Sequence[tuple[str, str | Path]]) -> RunsSideBySide:
    """runs: (label, folder that a run was saved in); a label that comes twice gets a number. Runs that can't
    be read, or were tested on other images than the first, are named in a sentence."""
    read, told = _read(runs)
    same, elsewhere = [], []
    for run in read:
        (same if run.same_images(read[0]) else elsewhere).append(run)
    if elsewhere:
        names = " and ".join(run.label for run in elsewhere)
        told.append(
            f"Answers are compared with those of {read[0].label}; {names} had other test images, so of them "
            "only stages, curves and widths are shown."
        )
    kept, about_groups = _kept(read)
    family = _family(same)
    answers = same if len(same) > 1 else []
    try:
        right = [run.task.right(run.last, run.labels) for run in answers]
    except ValueError as error:
        right, answers = [], []
        told.append(f"Wrong answers are not counted: {error}.")
    return RunsSideBySide(
        labels=tuple(run.label for run in read),
        task=read[0].task if read else DEFAULT,
        metrics={run.label: run.task.metric for run in read},
        differ=_differ(read),
        fields=_fields(read),
        stages=_table(STAGE, (row for run in read for row in _stages(run))),
        kept=kept,
        epochs=_table(EPOCH, (row for run in read for row in _epochs(run))),
        wrong=_wrong(answers, right),
        pairs=_pairs(same, family, right),
        classes=_table(
            CLASS, (row for run, of in zip(answers, right, strict=True) for row in _classes(run, of))
        ),
        images=_images(answers, right),
        family=family,
        sentences=(*told, *_metrics(read), *about_groups),
    )


def _read(runs: Sequence[tuple[str, str | Path]]) -> tuple[list[SavedRun], list[str]]:
    found: list[SavedRun] = []
    told, seen = [], Counter[str]()
    for label, folder in runs:
        seen[label] += 1
        label = label if seen[label] == 1 else f"{label} ({seen[label]})"
        try:
            found.append(read_run(label, folder))
        except ValueError as error:
            log.info("%s: %s", label, error)
            told.append(f"{label} has no result to show: no finished run that can be read was saved there.")
    if len(found) < 2:
        told.append("Two runs or more stand side by side; choose another one beside it.")
    return found, told


def _table(columns: Sequence[str], rows: Iterable[tuple]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns))


# ---------------------------------------------------------------------------------------- what they differ in


def _differ(runs: Sequence[SavedRun]) -> str:
    if len(runs) < 2:
        return ""
    chosen, seeds = [run.choices for run in runs], [run.recipe.seed for run in runs]
    return in_words([run.label for run in runs], chosen, seeds)


def _fields(runs: Sequence[SavedRun]) -> pd.DataFrame:
    """A row a field; what follows from others is told as it is, since a reader looks for it."""
    columns = {run.label: run.recipe.to_dict() | {"control": run.control} for run in runs}
    names = differing([run.choices for run in runs]) if runs else []
    seeds = {run.recipe.seed for run in runs}
    rows = [*names, *(["seed"] if len(seeds) > 1 else [])]
    told = {
        label: [str({**of["options"], **of}.get(name, "")) for name in rows] for label, of in columns.items()
    }
    return pd.DataFrame({"field": rows, **told})


# -------------------------------------------------------------------------------------- what each says alone


def _stages(run: SavedRun) -> Iterable[tuple]:
    for stage in run.stages:
        when = "baseline" if stage == "baseline" else "final"
        counts = [run.report.get(name, {}).get(when) for name in STAGE[5:]]
        value = run.report["values"][stage]
        yield (run.label, run.recipe.criterion, stage, run.task.metric.name, value, *counts)


def _epochs(run: SavedRun) -> Iterable[tuple]:
    metric = run.task.metric.name
    for epoch, row in enumerate([*run.report["gate_history"], *run.report["history"]], start=1):
        losses, value = (row["loss"], row["holdout_loss"]), row[f"holdout_{metric}"]
        yield (run.label, run.recipe.criterion, epoch, *losses, metric, value)


def _metrics(runs: Sequence[SavedRun]) -> list[str]:
    names = [*dict.fromkeys(run.task.metric.name for run in runs)]
    if len(names) < 2:
        return []
    return [f"Their metrics differ ({listed(names)}): figures of one are not compared with those of another."]


def _kept(runs: Sequence[SavedRun]) -> tuple[pd.DataFrame, list[str]]:
    """The groups that all runs have, with as many channels before."""
    widths = [run.report["widths"] for run in runs]
    groups = list(widths[0]) if widths else []
    shared = [
        name for name in groups if all(name in of and of[name][0] == widths[0][name][0] for of in widths)
    ]
    rows = [
        (run.label, run.recipe.criterion, name, *of[name], of[name][1] / of[name][0])
        for run, of in zip(runs, widths, strict=True)
        for name in shared
    ]
    whole = max((len(of) for of in widths), default=0)
    told = []
    if groups and not shared:
        told = ["These networks have no channel group in common, so what was kept can't stand side by side."]
    elif len(shared) < whole:
        told = [f"Shown are the {plural(len(shared), 'channel group')} that all of these networks have."]
    return _table(KEPT, rows), told


# ----------------------------------------------------------------------------------------- image by image


def _family(runs: Sequence[SavedRun]) -> Family | None:
    """Pairs on the same images. Runs of other seeds are compared as they are."""
    if len(runs) < 2 or len(runs[0].labels) < 2:
        return None
    return compared({run.label: [run.last] for run in runs}, runs[0].labels, runs[0].task)


def _wrong(runs: Sequence[SavedRun], right: Sequence[np.ndarray]) -> pd.DataFrame:
    """The largest set of images first."""
    if not runs:
        return _table(WRONG, [])
    patterns = Counter(map(tuple, (~np.stack(right, axis=1)).tolist()))  # of [items, runs]
    images = len(right[0])
    rows = []
    for pattern, count in patterns.most_common():
        names = [run.label for run, wrong in zip(runs, pattern, strict=True) if wrong]
        if names:
            rows.append((_called(names, len(runs)), len(names), count, count / images))
    return _table(WRONG, rows)


def _called(names: list[str], runs: int) -> str:
    if len(names) == runs:
        return ALL
    return f"{names[0]} {ALONE}" if len(names) == 1 else " and ".join(names)


def _pairs(runs: Sequence[SavedRun], family: Family | None, right: Sequence[np.ndarray]) -> pd.DataFrame:
    if family is None:
        return _table(PAIR, [])
    found = family.table()[["a", "b", "difference", "low", "high", "verdict"]]
    more: dict[str, list] = {name: [] for name in PAIR if name not in found}
    for one, other in combinations(range(len(runs)), 2):
        a, b = runs[one], runs[other]
        more["differ_in"].append(_only(differing([a.choices, b.choices]), a, b))
        more["same_answers"].append(_same(a, b))
        counts = (np.nan, np.nan)
        if right:
            wrong = ~right[one], ~right[other]
            counts = int((wrong[0] & wrong[1]).sum()), int((wrong[0] | wrong[1]).sum())
        more["wrong_in_both"].append(counts[0])
        more["wrong_in_either"].append(counts[1])
        more["same_channels"].append(_same_channels(a, b))
    return found.assign(**more)[list(PAIR)]


def _only(fields: list[str], a: SavedRun, b: SavedRun) -> str:
    fields = [*fields, *(["seed"] if a.recipe.seed != b.recipe.seed else [])]
    return listed(fields) if fields else "nothing"


def _same(a: SavedRun, b: SavedRun) -> float:
    """Share of images, or of pixels, of which both say the same, right or wrong; NaN where answers are
    neither classes nor masks."""
    said = "classes" if a.task.drawn_as == "pictures" else a.task.drawn_as
    one, other = (run.last.get(said) for run in (a, b))
    return np.nan if one is None or other is None else float((one == other).mean())


def _same_channels(a: SavedRun, b: SavedRun) -> float:
    """Of the channels that either keeps, the share that both do."""
    if a.plan.model_digest != b.plan.model_digest or a.plan.kept.keys() != b.plan.kept.keys():
        return np.nan
    both = sum(len(np.intersect1d(kept, b.plan.kept[name])) for name, kept in a.plan.kept.items())
    either = sum(len(np.union1d(kept, b.plan.kept[name])) for name, kept in a.plan.kept.items())
    return both / either if either else np.nan


def _classes(run: SavedRun, right: np.ndarray) -> Iterable[tuple]:
    numbers = run.task.classes_of(run.labels)
    if numbers is None:
        final = run.report.get("per_class", {}).get("final", {})
        known = {name: value for name, value in final.items() if value is not None}
        yield from ((run.label, run.recipe.criterion, name, len(right), v) for name, v in known.items())
        return
    for number, name in enumerate(run.report.get("classes", ())):
        of = right[numbers == number]
        if len(of):
            yield run.label, run.recipe.criterion, str(name), len(of), float(of.mean())


def _images(runs: Sequence[SavedRun], right: Sequence[np.ndarray]) -> pd.DataFrame:
    columns = ["image", "class", *(run.label for run in runs)]
    if not runs:
        return _table(columns, [])
    votes = np.stack(right).sum(axis=0)
    rows = np.flatnonzero((votes > 0) & (votes < len(runs)))
    first = runs[0]
    task, names = first.task, first.report.get("classes", ())
    found = {"image": rows, "class": task.described(first.labels[rows], names)}
    for run in runs:
        said = {name: array[rows] for name, array in run.last.items()}
        scores = task.scores(said)
        told = task.said(said, names) if scores is None else map(task.metric.in_words, scores)
        found[run.label] = list(told)
    return pd.DataFrame(found, columns=columns)
