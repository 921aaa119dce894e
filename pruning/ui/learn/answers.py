"""What the exercises' answers say, computed from what came with the project or from what was measured."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from pruning.criteria.gdp import Polarization
from pruning.figures import criterion_duel as duel_figures
from pruning.gates.gate_trace import opened
from pruning.inspection.label_shuffling import LabelTest
from pruning.inspection.repair_against_tuning import RepairAgainstTuning, repaired_and_tuned
from pruning.runs.comparison_points import read_results
from pruning.runs.kept_comparisons import BUNDLED
from pruning.shipped import questions, store
from pruning.terms import percent, plural, title
from pruning.ui import criterion_duel, preview_cache
from pruning.ui.compress import subtask, worker_questions
from pruning.ui.learn.exercises import EXERCISES
from pruning.ui.wall.filling import shown
from pruning.ui.wall.wall_data import Shown

RAW, REPAIRED = 0, 1
COMPARED = BUNDLED / "scenes"


# --------------------------------------------------------------------------------- from what came along


def wall_of(criterion: str) -> Shown:
    """The wall of a criterion as far as it came along."""
    recipe = EXERCISES["two-criteria"].recipe.but(criterion=criterion)
    parts = [store.value(recipe, question.place) for question in questions.wall_parts(recipe)]
    return shown([part for part in parts if part is not None], 1.0)


def right(wall: Shown, state: int, cut: float) -> int:
    """How many of all test images."""
    return round(wall.values[state][wall.cuts.index(cut)] * wall.asked)


def results() -> pd.DataFrame:
    """The finished runs of the comparison that came along, with `accuracy` as each ended."""
    table = read_results(COMPARED)
    table = table[table["status"] == "finished"]
    return table.assign(accuracy=table["accuracy_repaired"].fillna(table["accuracy_cut"]))


def mean_of(table: pd.DataFrame, criterion: str, allocation: str, repair: str) -> str:
    own = table[(table["criterion"] == criterion) & (table["allocation"] == allocation)]
    return percent(own[own["repair"] == repair]["accuracy"].mean())


def two_criteria() -> str:
    cut, (first, second) = EXERCISES["two-criteria"].recipe.cut, (wall_of("catro"), wall_of("l1"))
    pairs = pd.read_csv(COMPARED / "differences.csv")
    same = {"a": "catro", "b": "l1", "allocation": "error", "repair": "recalibrate"}
    row = pairs[(pairs[[*same]] == pd.Series(same)).all(axis=1)].iloc[0]
    return (
        f"Of {first.asked:,} test images CATRO has {right(first, RAW, cut):,} right and L1 norm "
        f"{right(second, RAW, cut):,}; repaired it is {right(first, REPAIRED, cut):,} against "
        f"{right(second, REPAIRED, cut):,}. That is one seed. Over {row['seeds']} seeds, with norms "
        "recalibrated, "
        f"the comparison says: {percent(row['difference'], signed=True)} for CATRO, 95 % interval "
        f"{percent(row['low_all'], signed=True)} to {percent(row['high_all'], signed=True)}: "
        f"{row['verdict']}. "
        "One wall is an example, not a proof; and a good repair makes criteria alike."
    )


def good_widths() -> str:
    table = results()
    mean = partial(mean_of, table)
    said = [
        f"{words}: random with good widths {mean('random', 'error', repair)} (uniform "
        f"{mean('random', 'uniform', repair)}), L1 norm with uniform ones {mean('l1', 'uniform', repair)} "
        "(good "
        f"widths {mean('l1', 'error', repair)})."
        for words, repair in (
            ("Right after the cut", "none"),
            ("Norms recalibrated", "recalibrate"),
            ("Blocks matched", "match"),
        )
    ]
    return " ".join(
        [
            *said,
            f"(Means over {plural(table['seed'].nunique(), 'seed')}.)",
            "Good widths help both once norms are recalibrated, and right after the cut L1 norm alone; once "
            "blocks are matched they make no difference. They do not save random channels in this network: "
            "only matching closes the gap. In a deeper or less even network widths may matter more.",
        ]
    )


def equal_accuracy() -> str:
    first, second = wall_of("reconstruction"), wall_of("l1")
    cut = EXERCISES["equal-accuracy"].recipe.cut
    ours, theirs = (wall.right[RAW][wall.cuts.index(cut)] for wall in (first, second))
    only, other = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return (
        f"Reconstruction has {right(first, RAW, cut):,} of {first.asked:,} right, L1 norm "
        f"{right(second, RAW, cut):,}. Of the {len(ours)} images on the wall {int((ours & theirs).sum())} "
        "are right "
        f"with both, {only} with Reconstruction alone and {other} with L1 norm alone. Equal accuracy hides "
        f"{plural(only + other, 'image')} on which they differ: whoever relied on those gets other answers. "
        "Prune "
        "lists such images under *What changed*."
    )


def macs_and_time() -> str:
    table = results()
    macs = (table["macs_final"] / table["macs_baseline"]).median()
    time = (table["latency_final"] / table["latency_baseline"]).median()
    return (
        f"Over {len(table)} runs {percent(macs, 0)} of the MACs are left, and {percent(time, 0)} of the "
        "time of a "
        "batch (median; each run timed both of its networks one after the other on one machine). Norms, "
        "activations "
        "and moving numbers take time that MACs do not count, and small layers use a processor less well. "
        "If time is "
        "the aim, cut by *latency* in place of MACs."
    )


def schedule_alone() -> str:
    gate = Polarization()
    start, end = (opened(np.sqrt(gate.eps_start / eps)) for eps in (gate.eps_start, gate.eps_end))
    return (
        f"Every t stays at √{gate.eps_start:g}. At the start eps is {gate.eps_start:g} and every gate is "
        f"{start:.2f}; "
        f"at the end eps is {gate.eps_end:g} and every gate is {end:.3f}. The whole histogram moves, with "
        "no help of "
        "the network. What has to be seen is that gates end on *different* sides, that another seed closes "
        "much the "
        "same ones, and that as many channels closed at random cost more."
    )


def wreck() -> str:
    cut, wall = EXERCISES["wreck"].recipe.cut, wall_of("reconstruction")
    return (
        f"As cut, {right(wall, RAW, cut):,} of {wall.asked:,} test images are right; repaired, "
        f"{right(wall, REPAIRED, cut):,}; the full network has {right(wall, RAW, 0.0):,}. The repair saw "
        f"{EXERCISES['wreck'].recipe.calibration:,} images without a label. So the knowledge was still in "
        "the "
        "channels that stayed: only the sums that the next layers make of them were off."
    )


def few_bits() -> str:
    recipe, said = EXERCISES["few-bits"].recipe, []
    for bits in (8, 4.0, 2.25):
        one = recipe.but(bits=bits)
        now = store.value(one, questions.bits(one).place)
        alike, unlike = now.ways["uniform"], now.ways["di"]
        said.append(
            f"{bits:g} bits: {percent(unlike.value)} with bits by DI, {percent(alike.value)} with the same "
            "bits for "
            f"all ({percent(unlike.bytes / now.bytes_full, 0)} of the full network's size)."
        )
    return (
        f"Of {now.images} hold-out images the pruned network has {percent(now.cut)} right in float32. "
        + " ".join(said)
        + " At 8 and 4 bits little is lost; below that it matters which channels get the bits. With so few "
        "images a "
        "point or two may be chance."
    )


# ------------------------------------------------------------------------------------------- measured


def shuffled_labels(found: LabelTest) -> str:
    lead = found.lead
    numbers = (lead.mean, lead.low, lead.high, found.class_aware, found.images)
    return duel_figures.labels_in_words(found.shuffles, found.criterion, *numbers)


def repair_or_train(found: RepairAgainstTuning) -> str:
    recipe = EXERCISES["repair-or-train"].recipe
    epochs = plural(recipe.epochs, "epoch")
    return (
        f"As cut by {title(recipe.criterion)}: {percent(found.cut)}. Repaired from {found.images} images "
        "without a "
        f"label: {percent(found.repaired)}. After {epochs} with {found.labels:,} labels ({found.steps} "
        "steps): "
        f"{percent(found.tuned)}. Full network: {percent(found.full)}. "
        f"{found.lead.in_words('The repair', epochs)} "
        "More epochs may catch up: try them on Prune."
    )


def ask_repair_or_train(recipe, **how) -> preview_cache.Answer:
    """inspection.repair_against_tuning.RepairAgainstTuning; does not wait."""
    return preview_cache.ask(
        repaired_and_tuned, recipe, key=recipe.digest(), title="Repair against fine-tuning", **how
    )


AT_ONCE = {
    "two-criteria": two_criteria,
    "good-widths": good_widths,
    "equal-accuracy": equal_accuracy,
    "macs-and-time": macs_and_time,
    "schedule-alone": schedule_alone,
    "wreck": wreck,
    "few-bits": few_bits,
}
MEASURED: dict[
    str, tuple[Callable, Callable]
] = {  # (question, what is said of its value), the same as where the exercise leads
    "shuffled-labels": (criterion_duel.ask_labels, shuffled_labels),
    "three-classes": (worker_questions.subtask, subtask.in_words),
    "repair-or-train": (ask_repair_or_train, repair_or_train),
}
