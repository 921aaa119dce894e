"""Runs side by side: their stages, their epochs, what they kept of every group, and where they are wrong.

A run has its criterion's colour; where several have one criterion, symbol and dash tell them apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pruning.figures.empty_figure import nothing
from pruning.figures.method_style import CUT, KEPT, LEGEND, QUIET, colour, look
from pruning.figures.name_ticks import name_ticks
from pruning.figures.tradeoff import STAGES
from pruning.terms import percent, plural

SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "pentagon", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MOST = 12  # rows of a figure that has one for each set or pair of runs
SAME = "All runs get equally many images of every class right."
SHARE = "share"  # a metric's unit that is drawn in percent
ALL = "all"  # of `wrong_in`: every run


def looks(runs: pd.DataFrame, every: pd.DataFrame | None = None) -> dict[str, dict]:
    """{run: what a Plotly line with markers takes}, in the runs' order. runs: with run and criterion.
    every: all runs of a view of which a chart shows some, so that a run looks the same in each."""
    if every is not None:
        there = set(runs["run"])
        return {run: how for run, how in looks(every).items() if run in there}
    found: dict[str, dict] = {}
    seen: dict[str, int] = {}
    for run, criterion in runs[["run", "criterion"]].drop_duplicates("run").itertuples(index=False):
        number = seen[criterion] = seen.get(criterion, -1) + 1
        found[run] = another(criterion, number) if number else look(criterion)
    return found


def another(criterion: str, number: int) -> dict[str, Any]:
    """The look of a criterion's second run and further ones."""
    how = look(criterion)
    symbols = [symbol for symbol in SYMBOLS if symbol != how["marker"]["symbol"]]
    dashes = [dash for dash in DASHES if dash != how["line"]["dash"]]
    symbol, dash = symbols[(number - 1) % len(symbols)], dashes[(number - 1) % len(dashes)]
    return {
        "line": {"color": colour(criterion), "dash": dash},
        "marker": {"color": colour(criterion), "symbol": f"{symbol}-open", "line": {"width": 2}},
    }


def layout(**more) -> dict[str, Any]:
    return {"height": 340, "margin": {"t": 40, "b": 50}, **LEGEND, **more}


def beside(figure: go.Figure, rows: int, table: pd.DataFrame):
    """Marks of one row stand one below the other, so that none hides another."""
    runs = table["run"].nunique()
    figure.update_traces(orientation="h")
    figure.update_layout(scattermode="group", scattergap=0.3)
    figure.update_layout(height=130 + max(20, 11 * runs + 4) * max(4, rows))


def scaled(values: pd.Series, unit: str) -> np.ndarray:
    """Shares as percent."""
    return values.to_numpy("float32") * (100 if unit == SHARE else 1)


def titled(name: str, unit: str) -> str:
    return f"{name} ({'%' if unit == SHARE else unit})" if unit else name


def stages(table: pd.DataFrame, metric: str, unit: str, every: pd.DataFrame | None = None) -> go.Figure:
    """A line a run over the stages that it went through.

    table: run, criterion, stage, value of the metric on the test images.   unit: share, or the metric's.
    every: as `looks` takes it."""
    figure = go.Figure(layout=layout(yaxis_title=titled(f"test {metric}", unit)))
    for run, how in looks(table, every).items():
        rows = table[table["run"] == run]
        names = [STAGES[stage][0] for stage in rows["stage"]]
        hover = f"%{{x}}: %{{y:.4g}}<extra>{run}</extra>"
        line = {"mode": "lines+markers", "name": run, "hovertemplate": hover}
        figure.add_scatter(x=names, y=scaled(rows["value"], unit), **line, **big(how))
    there = [words for stage, (words, _) in STAGES.items() if (table["stage"] == stage).any()]
    figure.update_xaxes(categoryorder="array", categoryarray=there)
    if table.empty:
        nothing(figure, "No run to show")
    return figure


def epochs(table: pd.DataFrame, metric: str, unit: str, every: pd.DataFrame | None = None) -> go.Figure:
    """The metric on the hold-out after every epoch.   table: run, criterion, epoch, value."""
    axis = {"title": "epoch", "dtick": max(1, table["epoch"].nunique() // 10)}
    figure = go.Figure(layout=layout(yaxis_title=titled(f"hold-out {metric}", unit), xaxis=axis))
    for run, how in looks(table, every).items():
        rows = table[table["run"] == run]
        line = {"mode": "lines+markers", "name": run}
        hover = f"epoch %{{x}}: %{{y:.4g}}<extra>{run}</extra>"
        x, y = rows["epoch"].to_numpy("float32"), scaled(rows["value"], unit)
        figure.add_scatter(x=x, y=y, hovertemplate=hover, **line, **how)
    if table.empty:
        nothing(figure, "None of these runs had epochs of training")
    return figure


def kept(table: pd.DataFrame) -> go.Figure:
    """A mark a run and group: the share of channels kept.   table: run, criterion, group, before, after
    (counts), share (0 to 1)."""
    groups = table["group"].drop_duplicates().tolist()
    axis = {"autorange": "reversed", "type": "category", **name_ticks(groups)}
    axis |= {"categoryorder": "array", "categoryarray": groups}
    figure = go.Figure(layout=layout(xaxis={"title": "channels kept (%)", "range": [-3, 103]}, yaxis=axis))
    for run, how in looks(table).items():
        rows = table[table["run"] == run]
        figure.add_scatter(
            x=rows["share"].to_numpy("float32") * 100,
            y=rows["group"],
            mode="markers",
            name=run,
            customdata=rows[["after", "before"]].to_numpy(),
            hovertemplate="%{y}: %{customdata[0]} of %{customdata[1]} channels kept, %{x:.1f} %"
            f"<extra>{run}</extra>",
            **big(how),
        )
    beside(figure, len(groups), table)
    if table.empty:
        nothing(figure, "No channel group to show side by side")
    return figure


def kept_in_words(table: pd.DataFrame) -> str:
    """Where they differ most."""
    if table.empty:
        return "There is no channel group to show side by side."
    by_group = table.groupby("group", sort=False)["share"]
    apart = by_group.max() - by_group.min()
    if table["run"].nunique() < 2:
        return f"Channels kept of {plural(len(apart), 'group')}."
    if apart.max() == 0:
        return f"All runs keep equally many channels in each of these {plural(len(apart), 'group')}."
    group = apart.idxmax()
    rows = table[table["group"] == group].sort_values("share")
    least, most = rows.iloc[0], rows.iloc[-1]
    return (
        f"They differ most in {group}: {most['run']} keeps {most['after']} of {most['before']} channels, "
        f"{least['run']} {least['after']}."
    )


def wrong(table: pd.DataFrame) -> go.Figure:
    """A bar a set of runs: the test images that these get wrong and no other.   table: wrong_in, images
    (counts), share (0 to 1), the most first."""
    shown = table.head(MOST)
    axis = {"autorange": "reversed", "type": "category", "ticksuffix": " "}
    size = {"height": 110 + 26 * max(3, len(shown)), "yaxis": axis, "margin": {"t": 20, "b": 50}}
    counts: dict[str, Any] = {"title": "test images that are wrong", "tickformat": ",d"}
    counts |= {"dtick": 1} if shown["images"].max() < 10 else {}
    figure = go.Figure(layout={"xaxis": counts, "showlegend": False, **size})
    figure.add_bar(
        x=shown["images"].to_numpy("float32"),
        y=shown["wrong_in"],
        orientation="h",
        marker={"color": [QUIET if name == ALL else CUT for name in shown["wrong_in"]]},
        customdata=shown["share"].to_numpy("float32") * 100,
        hovertemplate="wrong in %{y}: %{x} test images, %{customdata:.2f} %<extra></extra>",
    )
    if table.empty:
        nothing(figure, "No answers to compare image by image")
    return figure


def wrong_in_words(table: pd.DataFrame) -> str:
    if table.empty:
        return "No test image is wrong in any of these runs, or their answers cannot be compared."
    everywhere = int(table.loc[table["wrong_in"] == ALL, "images"].sum())
    told = (
        f"{plural(int(table['images'].sum()), 'test image is', 'test images are')} wrong in one run or more, "
    )
    told += f"{everywhere:,} of them in all"
    alone = table[table["runs"] == 1].head(MOST)
    parts = [f"{count:,} in {name}" for name, count in zip(alone["wrong_in"], alone["images"], strict=True)]
    told += f"; {', '.join(parts)}." if parts else "."
    more = len(table) - MOST
    return told + (f" {plural(more, 'rarer set', 'rarer sets')} of runs: in the table." if more > 0 else "")


def differences(table: pd.DataFrame, metric: str, unit: str) -> go.Figure:
    """A bar with its interval a pair of runs.   table: a, b, difference, low, high of the metric."""
    shown = table.reindex(table["difference"].abs().sort_values(ascending=False, kind="stable").index).head(
        MOST
    )
    names = [f"{row.a} less {row.b}" for row in shown.itertuples()]
    axis = {"autorange": "reversed", "type": "category", "ticksuffix": " "}
    step = "points" if unit == SHARE else unit
    title = f"difference of the test {metric}" + (f" ({step})" if step else "")
    size = {"height": 120 + 30 * max(3, len(shown)), "yaxis": axis, "margin": {"t": 20, "b": 50}}
    figure = go.Figure(layout={"xaxis_title": title, "showlegend": False, **size})
    middle = scaled(shown["difference"], unit)
    up, down = scaled(shown["high"], unit) - middle, middle - scaled(shown["low"], unit)
    figure.add_scatter(
        x=middle,
        y=names,
        mode="markers",
        marker={"color": KEPT, "size": 10},
        error_x={"type": "data", "array": up, "arrayminus": down, "color": QUIET, "thickness": 2},
        customdata=np.stack([middle - down, middle + up], axis=1),
        hovertemplate="%{y}: %{x:.2f} (95 %: %{customdata[0]:.2f} to %{customdata[1]:.2f})<extra></extra>",
    )
    figure.add_vline(0, line={"color": QUIET, "dash": "dot", "width": 1})
    if table.empty:
        nothing(figure, "No answers to compare image by image")
    return figure


def classes(table: pd.DataFrame, of_class: str = "") -> go.Figure:
    """A mark a run and class, the classes in which they differ most on top.   table: run, criterion, class,
    images (count), share (0 to 1, right).   of_class: what a share is called where it is
    of no right answers."""
    names = apart(table).index.tolist()
    axis = {"autorange": "reversed", "type": "category", "ticksuffix": " ", "title": "class"}
    axis |= {"categoryorder": "array", "categoryarray": names}
    least = 100 * table["share"].min() if len(table) else 0
    ends = [least - 0.03 * (100 - least) - 0.5, 100 + 0.03 * (100 - least) + 0.5]
    what = f"{of_class} of the class in the test images" if of_class else "right on the class's test images"
    x = {"title": f"{what} (%)", "range": ends}
    figure = go.Figure(layout=layout(xaxis=x, yaxis=axis))
    for run, how in looks(table).items():
        rows = table[table["run"] == run]
        hover = f"%{{y}}: %{{x:.1f}} % of %{{customdata}} images<extra>{run}</extra>"
        mark = {"mode": "markers", "name": run, "customdata": rows["images"], "hovertemplate": hover}
        figure.add_scatter(x=rows["share"].to_numpy("float32") * 100, y=rows["class"], **mark, **big(how))
    beside(figure, len(names), table)
    if table.empty:
        nothing(figure, "No classes to compare")
    return figure


def classes_in_words(table: pd.DataFrame, of_class: str = "") -> str:
    by_class = apart(table)
    if by_class.empty:
        return "There are no classes to compare."
    if by_class.iloc[0] == 0:
        return f"All runs have the same {of_class}." if of_class else SAME
    name = by_class.index[0]
    rows = table[table["class"] == name].sort_values("share", kind="stable")
    least, most = rows.iloc[0], rows.iloc[-1]
    if of_class:
        told = " against ".join(f"{percent(row['share'])} ({row['run']})" for row in (most, least))
        return f"They differ most in class {name}: {of_class} {told}."
    return (
        f"They differ most in class {name}: {most['run']} gets {percent(most['share'])} of its "
        f"{plural(int(most['images']), 'image')} right, {least['run']} {percent(least['share'])}."
    )


def apart(table: pd.DataFrame) -> pd.Series:
    """By class, how far the runs are apart (0 to 1), the farthest first."""
    by_class = table.groupby("class", sort=False)["share"]
    return (by_class.max() - by_class.min()).sort_values(ascending=False, kind="stable")


def big(how: Mapping[str, Any]) -> dict[str, Any]:
    """The same look, with marks as large as single points need."""
    return {**how, "marker": {**how["marker"], "size": 10}}
