"""report.html of a run: what it found, in numbers and figures, what changed, and how to run it again."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pruning.experiment.report_shape import left_in_the_end
from pruning.experiment.runtime_times import no_faster, not_timed, runtime_table
from pruning.export import export_words
from pruning.figures import latency, prediction_changes, search_path, structure, tradeoff, training
from pruning.figures.gates import budget_in_words
from pruning.html_report.changed_images import changed_images
from pruning.html_report.page import (
    Number,
    bullets,
    code,
    files,
    folded,
    heading,
    page,
    paragraph,
    picture,
    table,
    tiles,
)
from pruning.html_report.translations import translations
from pruning.inspection.prediction_changes import (
    GATE_HISTORY,
    HISTORY,
    answers,
    difference,
    epochs,
    history_columns,
    masks_of,
    shown_images,
    stages,
)
from pruning.inspection.reopened_run import gate_trace, widths
from pruning.inspection.saved_run import SavedRun, read_run
from pruning.inspection.translated_pictures import translated_pictures
from pruning.terms import ALLOCATIONS, MEASURE_NAMES, REPAIRS, percent, plural, sentence, title

STAGES = {name: sentence(told) for name, (told, _) in tradeoff.STAGES.items()}
SAME = {
    "classes": "Same answer, of all",
    "masks": "Same class, of all pixels",
    "pictures": "Taken for the same domain, of all",
}
COSTS = {"macs": "MACs of one image", "parameters": "Parameters", "bytes": "Bytes of the weights"}


def run_html(folder: str | Path, pictures: Mapping[int, np.ndarray] | None = None) -> str:
    """A run of this version or an earlier one, from what `Result.save` wrote, as one page.

    pictures: {test image: uint8 [H, W, 3]} of changed images, which a folder does not hold.
    Raises ValueError in one sentence where the folder holds no whole run."""
    folder = Path(folder)
    saved = read_run(folder.name, folder)
    named = f"{saved.recipe.model} on {name_of(saved.recipe.data)}, {asked(saved)}"
    parts = [*summary(saved, named), *numbers(saved), *drawings(saved)]
    parts += translations(saved)
    if saved.task.drawn_as:
        parts += what_changed(saved, pictures or {})
    parts += [heading("Structure before and after")]
    found = widths(saved.report)
    parts.append(
        picture(structure.structure(found), structure.structure_in_words(found), "Channels of every group")
    )
    parts += [*gates_of(saved, folder), *path_of(saved), *exports(saved)]
    if saved.report["messages"]:
        parts += [heading("Messages"), bullets(saved.report["messages"])]
    return page(f"Pruning report: {named}", [*parts, *again(saved, folder)])


def name_of(data: str) -> str:
    """A data set's name; a file's without its folder."""
    return (data.partition("#")[2] or data).rpartition("/")[2]


def asked(saved: SavedRun) -> str:
    """What the run was asked to do, in a few words."""
    recipe = saved.recipe
    share = f"{percent(recipe.cut, 0)} of the {MEASURE_NAMES[recipe.measure]} by {title(recipe.criterion)}"
    how = [share, f"allocation: {ALLOCATIONS[recipe.allocation].title}", REPAIRS[recipe.repair].title]
    how += [plural(recipe.epochs, "epoch")] if recipe.epochs else []
    how += [f"{recipe.bits:g} bits"] if recipe.bits is not None else []
    how += [f"control: {saved.control}"] if saved.control else []
    return ", ".join(how)


def summary(saved: SavedRun, named: str) -> Iterator[str]:
    """The figures that matter, and whether the difference can be told from chance."""
    report, metric, last = saved.report, saved.task.metric, saved.stages[-1]
    values = report["values"]
    yield f"<h1>Pruning report</h1>{paragraph(f'{named}.', 'lead')}"
    whole = f"full network {metric.in_words(values['baseline'])}"
    told = [(sentence(metric.name), Number("value", values[last], metric.in_words(values[last])), whole)]
    for name, label in COSTS.items():
        before, after = report[name]["baseline"], report[name]["final"]
        share = 1 - after / before
        told.append(
            (f"{label.split(' of ')[0]} removed", Number(f"removed.{name}", share, percent(share)), "")
        )
    before, after = (report["latency_ms"][stage] for stage in ("baseline", "final"))
    text = f"{after:.1f} ms"
    told.append(("Measured time", Number("latency", after, text), f"full network {before:.1f} ms"))
    yield tiles(told)
    if metric.unit == "share":
        found = difference(saved.task, saved.predictions)
        yield paragraph(sentence(found.in_words("the pruned network", "the full network")))
        ends = [(name, getattr(found, name)) for name in ("mean", "low", "high")]
        yield table(
            ("Paired difference, points", "95 %: from", "to"),
            [[Number(f"difference.{name}", value, f"{100 * value:+.2f}") for name, value in ends]],
        )


def numbers(saved: SavedRun) -> Iterator[str]:
    """Every stage, every cost, and how the time was measured."""
    report, metric = saved.report, saved.task.metric
    yield heading("Numbers")
    counted = report.get("correct", {})
    rows = []
    for stage in saved.stages:
        value, end = report["values"][stage], "baseline" if stage == "baseline" else "final"
        row: list[Any] = [STAGES[stage], Number(f"values.{stage}", value, metric.in_words(value))]
        if counted:
            row.append(Number(f"correct.{stage}", counted[stage], f"{counted[stage]:,}"))
        costs: list[Any] = [Number(f"{stage}.{n}", report[n][end], f"{report[n][end]:,}") for n in COSTS]
        if stage not in ("baseline", saved.stages[-1]):  # few bits come last
            costs[-1] = ""
        rows.append([*row, *costs])
    right = [f"Right of {report['test_images']:,}"] if counted else []
    yield table(("Stage", f"Test {metric.name}", *right, *COSTS.values()), rows)
    if report["expected"]:
        ends = [metric.in_words(report["expected"][name]) for name in ("accuracy", "low", "high")]
        yield paragraph("Expected before anything was cut: {}, {} to {}.".format(*ends), "quiet")
    yield times(report["latency_ms"])
    looked = report.get("looked_at")
    took = ", ".join(f"{step} {spent:.1f}" for step, spent in report["seconds"].items() if spent)
    words = f"The run took, in seconds: {took}."
    if looked:
        words += f" It looked at {plural(looked['images'], 'training image')} and "
        words += (
            f"{plural(looked['labels'], 'label')}, in {plural(looked['gradient_steps'], 'gradient step')}."
        )
    yield paragraph(words, "quiet")


def times(told: Mapping[str, Any]) -> str:
    """Time of a batch and of one image, and what they are medians of. Older reports tell less."""
    batches = {told["batch"]: told, 1: told.get("batch_1")}
    rows = [
        timed(batch, stage, of)
        for batch, of in batches.items()
        for stage in ("baseline", "final")
        if of is not None
    ]
    columns = ("Measured time", "Images a batch", "Median, ms", "10 % below", "90 % below", "Batches timed")
    threads = plural(told["threads"], "thread")
    how = f"On {threads}, {told['device']}, after warm-ups. Fewer MACs are not always faster."
    return table(columns, rows) + paragraph(how, "quiet") + in_runtimes(told.get("runtimes", []))


def in_runtimes(rows: Sequence[Mapping[str, Any]]) -> str:
    """Both networks in every runtime, where that was measured."""
    found = runtime_table(rows).astype(str)
    said = [*no_faster(rows), *not_timed(rows)]
    told = "".join(paragraph(sentence, "quiet") for sentence in said)
    return told if found.empty else table(tuple(found.columns), found.to_numpy().tolist()) + told


def timed(batch: int, stage: str, of: Mapping[str, Any]) -> list:
    """of: medians and spread of both networks at a batch size."""
    ends = of.get("spread", {}).get(stage, ())
    names = [f"latency_ms.{stage}.{batch}{end}" for end in ("", ".low", ".high")]
    told = [Number(n, ms, f"{ms:.2f}") for n, ms in zip(names, (of[stage], *ends), strict=False)]
    label = "Full network" if stage == "baseline" else "Pruned network"
    return [label, str(batch), *told, *([] if ends else ["", ""]), str(of.get("runs", 20))]


def drawings(saved: SavedRun) -> Iterator[str]:
    """The metric against MACs, the training, and where the time goes."""
    yield heading("Figures")
    report, task = saved.report, saved.task
    name = task.metric.name
    run = stages(report).assign(run=asked(saved), criterion=saved.recipe.criterion)
    words = tradeoff.tradeoff_in_words(run, task)
    yield picture(tradeoff.tradeoff(run, task), words, f"{sentence(name)} against MACs")
    history = epochs(report["history"], history_columns(HISTORY, task))
    if not history.empty:
        words = training.training_in_words(history, task.metric, taught=task.taught)
        yield picture(training.training(history, task.metric), words, f"Loss and hold-out {name} by epoch")
    elif saved.recipe.epochs:
        yield paragraph("An earlier version saved this run, without its epochs.", "quiet")
    if layers := report["latency_ms"].get("layers"):
        rows, told = pd.DataFrame(layers), report["latency_ms"]
        words = latency.layer_times_in_words(rows, (told["baseline"], told["final"]))
        yield picture(latency.layer_times(rows, told["batch"]), words, "Milliseconds of every layer")


def what_changed(saved: SavedRun, pictures: Mapping[int, np.ndarray]) -> Iterator[str]:
    report, task = saved.report, saved.task
    yield heading("What changed")
    flips = report["flips"]
    told = prediction_changes.changed_in_words(
        **flips, images=report["test_images"], agreement=report["agreement"], task=task
    )
    yield paragraph(told)
    rows = [("Right before, wrong now", "broken"), ("Wrong before, right now", "mended")]
    cells = [[label, Number(f"flips.{name}", flips[name], f"{flips[name]:,}")] for label, name in rows]
    share = Number("agreement", report["agreement"], percent(report["agreement"]))
    yield table(("Test images", "Count"), [*cells, [SAME[task.drawn_as], share]])
    classes = pd.DataFrame(report["per_class"]).rename_axis("class").reset_index()
    words = prediction_changes.by_class_in_words(classes, task)
    yield picture(
        prediction_changes.by_class(classes, task), words, f"{sentence(task.of_class)} of every class"
    )
    told_apart = answers(task, saved.predictions, report["classes"])
    masks = masks_of(task, saved.predictions, told_apart)
    changes = told_apart[told_apart["change"] != "same"]
    made = translated_pictures(task, saved.predictions, shown_images(told_apart), report["classes"])
    yield changed_images(changes, pictures, masks, made.changed if made else {})


def gates_of(saved: SavedRun, folder: Path) -> Iterator[str]:
    """How far gates came, where they were trained."""
    told, trace = saved.report["gates"], gate_trace(folder / "gates.npz")
    if told is None or trace is None:
        return
    recipe, closed = saved.recipe, told["closed_blocks"]
    yield heading("Gates")
    left = left_in_the_end(saved.report, recipe.measure)
    yield paragraph(budget_in_words(trace.rows, recipe.cut, MEASURE_NAMES[recipe.measure], left))
    moved, metric = told["absorb_difference"], saved.task.metric
    with_gates = metric.in_words(told[metric.name])
    rows: list[list[Any]] = [
        [f"{sentence(metric.name)} with gates", Number("gates.value", told[metric.name], with_gates)],
        ["Gates between open and shut", Number("gates.between", told["between"], percent(told["between"]))],
        ["Largest change of an output when the zeros went", "none was measured: open gates were cut"],
        ["Blocks that closed completely", ", ".join(closed) or "none"],
    ]
    if moved is not None:
        rows[2][1] = Number("gates.absorb_difference", moved, f"{moved:.1e} of the largest output")
    yield table(("Gates", ""), rows)
    if history := saved.report["gate_history"]:
        columns = [name for name in history_columns(GATE_HISTORY, saved.task) if name in history[0]]
        cells = [[f"{row[name]:.4g}" for name in columns] for row in history]
        yield folded("Every epoch of their training", table(columns, cells))


def path_of(saved: SavedRun) -> Iterator[str]:
    """Which group gave when, where an allocation searched."""
    steps = saved.plan.path_table()
    if steps.empty:
        return
    rows = search_path.path_rows(steps, saved.plan.achieved)
    recipe, groups = saved.recipe, [name for name in saved.report["widths"] if name in set(steps["group"])]
    counted = recipe.search_by if recipe.allocation == "greedy" else recipe.allocation
    words = search_path.search_path_in_words(rows, counted)
    yield heading("How the widths were found")
    yield paragraph(words)
    last = steps.groupby("group", sort=False)["kept"].last()
    yield folded("Every step", table(("Group", "Channels left"), [[g, int(last[g])] for g in groups]))


def exports(saved: SavedRun) -> Iterator[str]:
    """Files for other runtimes, where some were written."""
    told = saved.report.get("exports", [])
    if not told:
        return
    yield heading("Files for other runtimes")
    rows = []
    for row in told:
        places = [f"exports.{row['format']}.{name}" for name in ("bytes", "difference")]
        weight = Number(places[0], row["bytes"]["final"], export_words.size(row))
        gap = Number(places[1], row["difference"], export_words.check(row))
        rows.append([export_words.title(row), ", ".join(row["files"]), weight, gap, export_words.time(row)])
    yield table(("Format", "Files", "Size", "Checked against the pruned network", "Median time"), rows)


def again(saved: SavedRun, folder: Path) -> Iterator[str]:
    """The recipe, as commands and as files."""
    recipe = saved.recipe
    yield heading("Recipe, and how to run it again")
    if saved.control:
        yield paragraph(f"This is a control, {saved.control}, of this recipe: compare trains it.")
    yield paragraph("On the command line:")
    yield code(recipe.command_line())
    yield paragraph("The same in Python:")
    yield code(recipe.python())
    rows = [(name, value) for name, value in recipe.to_dict().items()]
    yield folded("Every field of the recipe", table(("Field", "Value"), rows))
    versions = ", ".join(f"{name} {version}" for name, version in saved.report["versions"].items())
    yield paragraph(f"Digest of the recipe: {recipe.digest()}. Computed with {versions}.", "quiet")
    there = {name: folder / name for name in ("report.json", "recipe.json")}
    yield files({name: path.read_text(encoding="utf-8") for name, path in there.items() if path.is_file()})
