"""What a comparison says: who leads, which choices matter, every point, and every run."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.figures.comparison import (
    COSTS,
    against_cost,
    by_choice,
    choices_in_words,
)
from pruning.figures.factors import factor_shares, factors_in_words
from pruning.html_report.comparison_report import comparison_html
from pruning.html_report.comparison_words import (
    at_once_in_words,
    in_page_terms,
    ordered,
    repair_in_words,
    shares_of,
)
from pruning.runs.comparison_points import LAST, at_stage, metric_of, of_choice, points, stages_of, varying
from pruning.runs.kept_comparisons import KeptComparison
from pruning.ui import charts, preview_cache, state
from pruning.ui.compare import open_run, published, run_table, running, shown_comparison

STAGES = {
    LAST: "As each ends",
    "cut": "Right after the cut",
    "repaired": "Repaired",
    "tuned": "Fine-tuned",
    "quantized": "In few bits",
}
BY_CHOICE = "choices"


def panel(recipe: Recipe):
    shown = shown_comparison.choose()
    if shown is None:
        st.info("Nothing has been compared yet. Choose what to compare under New comparison.")
        return
    running.status(shown)
    table = shown_comparison.rows_of(shown)
    if table is None or not (table["status"] == "finished").any():
        if table is not None and len(table):
            run_table.panel(shown, table)
        return
    job = shown_comparison.job_of(shown)
    if job is not None and not job.finished:
        return  # what stands there moves, and is drawn by what follows the job
    draw(shown, table)


def draw(shown: KeptComparison, table: pd.DataFrame):
    """All of a comparison that stands still."""
    said(shown, table)
    report(shown)
    stage = switch(table)
    factors = ordered(varying(at_stage(table, stage)))
    matter(shown, table, stage, factors)
    chart(shown, table, stage, factors)
    run_table.panel(shown, table)
    published.panel()


def said(shown: KeptComparison, table: pd.DataFrame):
    """The story of a comparison of repairs, then who leads; more than a few sentences are folded."""
    story = repair_in_words(table)
    if story:
        st.markdown(f"**{story}**")
    if together := at_once_in_words(table):
        st.info(together)
    sentences = [in_page_terms(one, shown.asked) for one in shown.sentences]
    if not sentences:
        return
    for one in sentences[:3] if not story else []:
        st.markdown(one)
    if rest := sentences[3:] if not story else sentences:
        with st.expander(f"Who leads, under the same terms ({len(rest)})", key="leads folded"):
            st.markdown("\n".join(f"- {one}" for one in rest))


def report(shown: KeptComparison):
    """All of it as one page that opens offline."""
    charts.button(
        "Report (HTML)",
        lambda: comparison_html(shown.folder),
        f"comparison-{shown.id}-report.html",
        "text/html",
    )


def switch(table: pd.DataFrame) -> str:
    """The stage whose accuracy is shown, in all charts at once."""
    there = [LAST, *stages_of(table)]
    stage = state.looking_at("stage")
    stage = stage if stage in there else LAST
    how = state.bound_look("stage", stage, none=LAST, by="default")
    text = (
        "Right after the cut, after repair, or after fine-tuning; those that have no such stage are left out."
    )
    picked = st.segmented_control("Measured", there, format_func=STAGES.get, **(how | {"help": text}))
    return picked or stage


def matter(shown: KeptComparison, table: pd.DataFrame, stage: str, factors: Sequence[str]):
    """How much of the differences each choice makes; of thousands of runs that takes a second or two."""
    key = f"{shown.folder} {len(table)} {shown.whole} {stage}"
    shares = preview_cache.remembered("shares", key, lambda: shares_of(at_stage(table, stage), factors))
    st.subheader("What matters here", anchor=False)
    if shares.empty:
        st.caption(factors_in_words(shares))
        return
    charts.chart(
        factor_shares(shares),
        factors_in_words(shares),
        key="factor shares",
        alt="Share of the differences that each choice makes",
        table=shares,
    )


def chart(shown: KeptComparison, table: pd.DataFrame, stage: str, factors: Sequence[str]):
    """Every point: choice by choice where all have one budget, else against the cost."""
    st.subheader("Every choice", anchor=False)
    several = table["cut"].nunique() > 1 or table["measure"].nunique() > 1
    wanted, names, first = state.looking_at("against"), [BY_CHOICE, *COSTS], "macs" if several else BY_CHOICE
    axis = wanted if wanted in names else first
    how = state.bound_look("against", axis, none=first, options=names)
    text = (
        "Choices as rows, or the metric against what is left of a cost; points that another one beats at no "
    )
    text += "more cost are faded."
    st.selectbox("Show", names, format_func=axis_in_words, **(how | {"help": text}))
    cost = "macs" if axis == BY_CHOICE else axis
    found = points(table, stage, cost)
    if axis != BY_CHOICE and found["cost"].isna().all():
        st.info("This comparison has no such figures: it was run by an earlier version.")
        return
    metric, pinned = metric_of(table), pinned_accuracy(table, found)
    varied = [name for name in factors if name in found]
    if axis != BY_CHOICE:
        figure = against_cost(found, varied, cost, metric, pinned)
    else:
        figure = by_choice(found, varied or ["criterion"], metric, pinned)
    charts.chart(
        figure,
        choices_in_words(found, varied, metric, cost),
        key=f"points {axis}",
        alt="Accuracy of every choice",
        table=found,
        click=lambda point: open_run.clicked(shown, table, point["customdata"]),
    )
    open_run.go()


def axis_in_words(axis: str) -> str:
    return "Choice by choice" if axis == BY_CHOICE else f"Against cost: {COSTS[axis][0]}"


def pinned_accuracy(table: pd.DataFrame, found: pd.DataFrame) -> float | None:
    """Mean accuracy of the choice that a pinned run belongs to."""
    row = table[table["run"] == state.looking_at("pinned")]
    if row.empty or found.empty:
        return None
    same = of_choice(found, row.iloc[0])
    return float(found.loc[same, "accuracy"].iloc[0]) if same.any() else None
