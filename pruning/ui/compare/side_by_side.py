"""Runs beside each other: what they differ in, how each went, what each kept, and where each is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from pruning.figures import side_by_side as figures
from pruning.inspection.differing_choices import named
from pruning.inspection.runs_side_by_side import RunsSideBySide, side_by_side
from pruning.tasks import Metric
from pruning.terms import percent, sentence
from pruning.ui import charts, preview_cache
from pruning.ui.compare import run_letters
from pruning.ui.page_messages import VALUES, in_page_words

NAMED = 3  # pairs told in a sentence each; of more it says who leads
SHARES = ("same_answers", "same_channels")
WRONG_HELP = "How many of the test images that either gets wrong are wrong in both."
PAIRS = {
    "a": "First",
    "b": "Second",
    "differ_in": "Differ in",
    "difference": "First less second",
    "interval": "95 % interval",
    "same_answers": "Same answers",
    "wrong": "Wrong in both, of either",
    "same_channels": "Same channels kept",
}


def panel(runs: Sequence[tuple[str, Path]]):
    """runs: (what it is called, the folder that it was saved in)."""
    key = run_letters.key([label for label, _ in runs])
    found = _found([(letter, folder) for letter, (_, folder) in zip(key, runs, strict=True)] if key else runs)
    run_letters.told(key)
    if found.differ:
        st.markdown(found.differ)
    for told in found.sentences:
        st.info(in_page_words(told))
    if not found.labels:
        return
    if len(found.fields):
        _fields(found.fields)
    if found.family is not None:
        _differences(found)
    _courses(found, key)
    if len(found.wrong):
        _wrong(found)
    _widths_and_classes(found, key)


def _found(runs: Sequence[tuple[str, Path]]) -> RunsSideBySide:
    """Read anew only where a folder's report is another one."""
    stamps = []
    for label, folder in runs:
        report = Path(folder) / "report.json"
        stamps.append(f"{label}={folder}@{report.stat().st_mtime_ns if report.exists() else 'gone'}")
    return preview_cache.remembered("side by side", "|".join(stamps), lambda: side_by_side(runs))


ALT = {
    "stages": "Each run's stages",
    "epochs": "Each run's epochs of training",
    "kept": "Share of channels kept in every group, by run",
    "differences": "Differences between runs, with their intervals",
    "wrong": "Test images that are wrong, by run",
    "classes": "Each class's share right, by run",
}


def _chart(name: str, figure, words: str, table: pd.DataFrame, of: str = ""):
    """of: the metric, where there are charts of several."""
    key = f"side-by-side-{name}" + (f"-{of.lower().replace(' ', '-')}" if of else "")
    charts.chart(figure, words, key=key, alt=ALT[name] + (f", {of}" if of else ""), table=table)


def _fields(fields: pd.DataFrame):
    """What was chosen differently, a row a field."""
    told = [
        {name: VALUES.get(row["field"], {}).get(value, value) for name, value in row.items()}
        for row in fields.to_dict("records")
    ]
    shown = pd.DataFrame(told).assign(field=[sentence(named(field)) for field in fields["field"]])
    shown = shown.rename(columns={"field": "Differs"})
    st.dataframe(shown, hide_index=True, key="side by side fields", alt="What the runs differ in")


def _courses(found: RunsSideBySide, key: Mapping[str, str]):
    """Stage by stage, and epoch by epoch where there are any: a row of charts for each metric."""
    several = len(set(found.metrics.values())) > 1
    for metric, stages, epochs in _by_metric(found):
        of = metric.name if several else ""
        how = (metric.name, metric.unit, found.stages)
        left, right = st.columns(2, gap="large") if len(epochs) else (st.container(), None)
        with left:
            drawn = run_letters.hovered(figures.stages(stages, *how), key)
            _chart("stages", drawn, _stages_in_words(stages, metric), stages, of)
        if right is not None:
            with right:
                words = "On the hold-out, after every epoch; of a run with gates their epochs come first."
                drawn = run_letters.hovered(figures.epochs(epochs, *how), key)
                _chart("epochs", drawn, words, epochs, of)


def _by_metric(found: RunsSideBySide) -> Iterator[tuple[Metric, pd.DataFrame, pd.DataFrame]]:
    """Each metric with the stages and the epochs of its runs: shares of different things share no axis."""
    for metric in dict.fromkeys(found.metrics.values()):
        runs = [run for run, its in found.metrics.items() if its == metric]
        stages, epochs = (table[table["run"].isin(runs)] for table in (found.stages, found.epochs))
        yield metric, stages, epochs


def _stages_in_words(stages: pd.DataFrame, metric: Metric) -> str:
    last = stages.groupby("run", sort=False).tail(1)
    told = [f"{run} {metric.in_words(value)}" for run, value in zip(last["run"], last["value"], strict=True)]
    return f"Test {metric.name} in the end: {', '.join(told)}."


def _differences(found: RunsSideBySide):
    """What the difference of every two is worth."""
    family, metric = found.family, found.metric
    st.markdown(" ".join(family.sentences()) if len(found.pairs) <= NAMED else family.leader())
    words = " ".join(["Bars are the 95 % interval of each pair alone.", *family.notes()])
    _chart("differences", figures.differences(found.pairs, metric.name, metric.unit), words, found.pairs)
    shown = _in_words(found.pairs, metric)
    helped = {"wrong": st.column_config.TextColumn(PAIRS["wrong"], help=WRONG_HELP)}
    columns = {name: st.column_config.TextColumn(label) for name, label in PAIRS.items()} | helped
    how = {"hide_index": True, "column_config": columns, "key": "side by side pairs"}
    st.dataframe(shown[[*PAIRS]], alt="Every two runs", **how)


def _in_words(pairs: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """The pairs as a reader has them: percent, points, counts."""
    told = []
    for row in pairs.to_dict("records"):
        size, low, high = metric.numbers(row["difference"], row["low"], row["high"])
        shares = {name: "–" if pd.isna(row[name]) else percent(row[name]) for name in SHARES}
        wrong = (
            "–"
            if pd.isna(row["wrong_in_both"])
            else f"{row['wrong_in_both']:,} of {row['wrong_in_either']:,}"
        )
        row |= shares | {"difference": f"{size} {metric.step}".rstrip(), "interval": f"{low} to {high}"}
        told.append(row | {"wrong": wrong})
    return pd.DataFrame(told)


def _widths_and_classes(found: RunsSideBySide, key: Mapping[str, str]):
    """What was kept of every group, and each class; of what there is nothing a sentence above says why."""
    draws = [draw for table, draw in ((found.kept, _widths), (found.classes, _classes)) if len(table)]
    places = st.columns(2, gap="large") if len(draws) > 1 else [st.container() for _ in draws]
    for place, draw in zip(places, draws, strict=True):
        with place:
            draw(found, key)


def _widths(found: RunsSideBySide, key: Mapping[str, str]):
    drawn = run_letters.hovered(figures.kept(found.kept), key)
    _chart("kept", drawn, figures.kept_in_words(found.kept), found.kept)


def _classes(found: RunsSideBySide, key: Mapping[str, str]):
    of_class = "" if found.metric.name == found.task.of_class else found.task.of_class
    drawn = run_letters.hovered(figures.classes(found.classes, of_class), key)
    _chart("classes", drawn, figures.classes_in_words(found.classes, of_class), found.classes)


def _wrong(found: RunsSideBySide):
    """Which test images each gets wrong."""
    _chart("wrong", figures.wrong(found.wrong), figures.wrong_in_words(found.wrong), found.wrong)
    if found.images.empty:
        return
    label = f"The {len(found.images):,} test images of which not all are right or all wrong"
    with st.expander(label, key="side by side folded"):
        how = {"hide_index": True, "key": "side by side images", "alt": "What each run says of these images"}
        st.dataframe(found.images, **how)
        charts.csv(found.images, "side-by-side-images")
