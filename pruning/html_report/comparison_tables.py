"""Tables of a comparison's report: every choice, every pair, every run, and what failed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pruning.figures.comparison import COSTS, NAMES, factor_in_words, labelled
from pruning.figures.tradeoff import STAGES
from pruning.html_report.page import Number, bullets, folded, heading, paragraph, table
from pruning.runs.comparison_folder import LEADS, RESULTS
from pruning.runs.comparison_points import LAST, metric_of, points, stages_of, varying
from pruning.runs.product import CONTROLS
from pruning.tasks import Metric
from pruning.terms import percent, plural, sentence

ROWS, PAIRS = 500, 300  # of a table; the files hold all
ENDS = ("difference", "low_all", "high_all")


def choices(results: pd.DataFrame, factors: Sequence[str]) -> Iterator[str]:
    """A row a choice: means over seeds of what it ends with, and of every stage before."""
    metric, found, stages = metric_of(results), points(results, LAST, "macs"), stages_of(results)
    key = list(NAMES)
    means = {stage: points(results, stage, "macs").set_index(key)["accuracy"].to_dict() for stage in stages}
    best_first = labelled(found, factors).sort_values("accuracy", ascending=metric.direction == "lower")
    rows = []
    for row in best_first.head(ROWS).itertuples():
        at, name = tuple(getattr(row, factor) for factor in NAMES), f"mean.{row.label}"
        cells: list[Any] = [row.label, row.seeds]
        cells += [value(f"{name}.{n}", getattr(row, n), metric) for n in ("accuracy", "low", "high")]
        cells += [value(f"{name}.{stage}", means[stage].get(at), metric) for stage in stages]
        left = row.cost / row.cost_whole
        rows.append([*cells, Number(f"{name}.macs", left, percent(left))])
    ends = ("Choice", "Seeds", f"Mean {metric.name}", "Worst seed", "Best seed")
    yield heading("Every choice, best first")
    yield table((*ends, *(in_words(stage) for stage in stages), "MACs left"), rows)
    if beside := [name for name in CONTROLS if name in set(found["control"])]:
        yield paragraph("Controls, what the same epochs or the same computation would have bought:")
        yield bullets(f"{name}: {CONTROLS[name]}" for name in beside)


def in_words(stage: str) -> str:
    return sentence(STAGES[stage][0])


def value(name: str, number, metric: Metric) -> Number | str:
    return "" if number is None or pd.isna(number) else Number(name, number, metric.in_words(number))


def differences(out: Path, metric: Metric) -> Iterator[str]:
    """Pair by pair, under the same terms."""
    if not (out / LEADS).is_file():
        return
    pairs = pd.read_csv(out / LEADS, dtype=str, keep_default_na=False)
    if pairs.empty:
        return
    terms = [name for name in pairs.columns[: pairs.columns.get_loc("a")] if pairs[name].nunique() > 1]
    rows = []
    for row in pairs.head(PAIRS).to_dict("records"):
        size = [Number(f"pair.{name}", row[name], points_of(float(row[name]), metric)) for name in ENDS]
        rows.append([*(row[name] for name in terms), row["a"], row["b"], *size, row["verdict"]])
    more = f" {PAIRS} of {len(pairs):,} pairs; {LEADS} has all." if len(pairs) > PAIRS else ""
    told = [sentence(NAMES.get(name, name)) for name in terms]
    step = f" ({metric.step})" if metric.step else ""
    yield heading("Pair by pair")
    yield paragraph(f"Intervals hold for all pairs under the same terms at once.{more}", "quiet")
    columns = (*told, "A", "B", f"A less B{step}", "95 %: from", "to", "")
    yield folded(plural(len(rows), "pair"), table(columns, rows))


def points_of(number: float, metric: Metric) -> str:
    return f"{100 * number:+.2f}" if metric.unit == "share" else f"{number:+.4g}"


def every_run(results: pd.DataFrame, factors: Sequence[str]) -> Iterator[str]:
    """results.csv: what differs, and every figure."""
    metric, stages = metric_of(results), ["baseline", *stages_of(results)]
    costs = [name for name in COSTS if results[f"{name}_final"].notna().any()]
    rows = []
    for row in results.head(ROWS).to_dict("records"):
        run = row["run"] or row["digest"]
        cells = [*(factor_in_words(name, row[name]) for name in factors), row["seed"], row["status"]]
        cells += [value(f"{run}.accuracy_{stage}", row[f"accuracy_{stage}"], metric) for stage in stages]
        cells += [cost(f"{run}.{name}_final", row[f"{name}_final"]) for name in costs]
        rows.append([*cells, f"{row['seconds']:.1f}" if pd.notna(row["seconds"]) else ""])
    names = [*(sentence(NAMES[name]) for name in factors), "Seed", "Status"]
    figures = [*map(in_words, stages), *(sentence(COSTS[name][0]) for name in costs), "Seconds"]
    more = f" The first {ROWS} of {len(results):,}; {RESULTS} has all." if len(results) > ROWS else ""
    yield heading("Every run")
    yield paragraph(f"Test {metric.name} at every stage, and what the pruned network costs.{more}", "quiet")
    yield folded(plural(len(rows), "run"), table([*names, *figures], rows))


def cost(name: str, number: float) -> Number | str:
    """Counts in full; milliseconds to two digits behind the point."""
    if pd.isna(number):
        return ""
    return Number(name, number, f"{number:,.0f}" if number == round(number) else f"{number:,.2f}")


def failures(results: pd.DataFrame) -> Iterator[str]:
    """What could not be done, and why."""
    failed = results[~results["status"].isin(["finished"])]
    if failed.empty:
        return
    yield heading("What could not be done")
    names = varying(failed) or ["criterion"]
    rows = [
        [*(factor_in_words(name, row[name]) for name in names), row["seed"], row["status"], row["error"]]
        for row in failed.head(ROWS).to_dict("records")
    ]
    yield table([*(sentence(NAMES[name]) for name in names), "Seed", "Status", "Why"], rows)
