"""The table behind a chart: what a figure draws, read from its own traces, with units in the column names."""

import re
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

DIGITS = 6  # significant ones: figures hold float32
DETAILS = "details"
CLICK = re.compile(r"<br>click.*$")  # what the mouse does there
FIELD = re.compile(r"%\{(\w+)(?:\[(\d+)\])?(?::([^}]*))?\}")  # of a hover text: %{customdata[1]:.2f}


def drawn_table(figure: go.Figure) -> pd.DataFrame:
    """A row a mark: series and panel where there are several, its values under the titles of the axes, and
    the text that hovering shows. A heat map alone is a table as it is drawn, y down and x across.

    Empty for a figure that draws nothing but pictures or a sentence."""
    traces = [trace for trace in figure.data if is_data(trace)]
    if len(traces) == 1 and traces[0].type == "heatmap":
        return rounded(matrix(figure, traces[0]))
    parts = [part for trace in traces for part in [rows(figure, trace)] if len(part)]
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True).dropna(axis="columns", how="all")
    for name in ("panel", "series"):
        if name in table and table[name].nunique() < 2:
            table = table.drop(columns=name)
    return rounded(table)


def is_data(trace: Any) -> bool:
    """Not an entry of the legend alone, a line that only leads the eye, or what is switched off."""
    quiet = trace.hoverinfo == "skip" and not trace.name
    return trace.visible in (None, True) and not quiet and trace.type not in ("image",)


def rows(figure: go.Figure, trace: Any) -> pd.DataFrame:
    """One trace: a row for each of its marks that has a place."""
    made = {"treemap": treemap, "histogram": histogram, "heatmap": cells}.get(trace.type, marks)
    found = made(figure, trace)
    for name, value in (("series", plain(trace.name or "")), ("panel", panel(figure, trace))):
        if value:
            found.insert(0, name, value)
    return found


def marks(figure: go.Figure, trace: Any) -> pd.DataFrame:
    """Points, lines and bars."""
    count = max(len(trace.x) if trace.x is not None else 0, len(trace.y) if trace.y is not None else 0)
    columns: dict[str, Any] = {}
    placed = np.ones(count, bool)
    for letter in order(trace):
        values = getattr(trace, letter)
        values = np.arange(count) if values is None else np.asarray(values, object)
        placed &= ~pd.isna(values)
        axis = axis_of(figure, trace, letter)
        if axis.visible is False:
            continue
        names = named_ticks(axis, values)
        name = unused(title(figure, axis, letter, names), columns)
        columns[name] = names
        columns |= intervals(name, values, trace["error_" + letter])
    if (coloured := colours(figure, trace)) is not None and len(coloured[1]) == count:
        columns[unused(coloured[0], columns)] = coloured[1]
    told = details(trace, count)
    if any(told):
        columns[DETAILS] = told
    found = pd.DataFrame(columns, index=range(count))[placed].infer_objects()
    first = found.columns[0] if len(found.columns) else None
    sortable = first is not None and first != DETAILS and pd.api.types.is_numeric_dtype(found[first])
    return found.sort_values(first, kind="stable") if sortable else found


def order(trace: Any) -> str:
    """The axis of what is compared before that of the numbers."""
    lying = getattr(trace, "orientation", None) == "h"
    names = trace.y is not None and len(trace.y) and isinstance(np.asarray(trace.y, object)[0], str)
    return "yx" if lying or names else "xy"


def histogram(figure: go.Figure, trace: Any) -> pd.DataFrame:
    """The bins, counted as the browser counts them; widths are the figure's own where it says them."""
    values = np.asarray(trace.x, float)
    bins: Any = "auto"
    if trace.xbins.size:
        bins = np.arange(trace.xbins.start, trace.xbins.end + trace.xbins.size, trace.xbins.size)
    counts, edges = np.histogram(values, bins)
    name = title(figure, axis_of(figure, trace, "x"), "x", values)
    count = title(figure, axis_of(figure, trace, "y"), "y", counts)
    return pd.DataFrame({f"{name}, from": edges[:-1], f"{name}, to": edges[1:], count: counts})


def treemap(figure: go.Figure, trace: Any) -> pd.DataFrame:
    names = trace.labels if trace.ids is None else trace.ids
    unit = re.search(r"%\{value[^}]*\} ([^,<]+)", trace.hovertemplate or "")
    value = unit[1] if unit else "value"
    found = {"part": map(plain, names), "inside": map(plain, trace.parents), value: trace.values}
    return pd.DataFrame({**{name: list(v) for name, v in found.items()}, DETAILS: details(trace, len(names))})


def cells(figure: go.Figure, trace: Any) -> pd.DataFrame:
    """A heat map among others: a row a cell."""
    table = matrix(figure, trace)
    down = table.columns[0]
    across = title(figure, axis_of(figure, trace, "x"), "x", np.arange(2))
    long = table.melt(id_vars=down, var_name=unused(across, {down: 0}), value_name=value_name(figure, trace))
    return long.dropna()


def matrix(figure: go.Figure, trace: Any) -> pd.DataFrame:
    """A heat map as it is drawn: a column for each x, named by it, and a row for each y."""
    values = np.asarray(trace.z, object)
    across = np.arange(values.shape[1]) if trace.x is None else np.asarray(trace.x, object)
    down = np.arange(values.shape[0]) if trace.y is None else np.asarray(trace.y, object)
    axes = {letter: axis_of(figure, trace, letter) for letter in "xy"}
    names = [plain(str(one)) for one in named_ticks(axes["x"], across)]
    table = pd.DataFrame(values, columns=pd.Index(names)).infer_objects()
    table.insert(0, unused(title(figure, axes["y"], "y", down), table), named_ticks(axes["y"], down))
    return table


# ------------------------------------------------------------------------------------------- names and texts


def axis_of(figure: go.Figure, trace: Any, letter: str) -> Any:
    number = (getattr(trace, letter + "axis") or letter)[1:]
    return figure.layout[f"{letter}axis{number}"]


def title(figure: go.Figure, axis: Any, letter: str, values: np.ndarray) -> str:
    """The axis's title, which says the unit; of one without, that which all others of the figure share."""
    if axis.title.text:
        suffix = (axis.ticksuffix or "").strip()
        return plain(axis.title.text) + (f" ({suffix})" if suffix else "")
    if len(values) and isinstance(values[0], str):
        return "name"
    axes = figure.select_xaxes() if letter == "x" else figure.select_yaxes()
    shared = {plain(other.title.text) for other in axes if other.title.text}
    return shared.pop() if len(shared) == 1 else "value" if letter == "y" else letter


def unused(name: str, taken: Any) -> str:
    return name if name not in taken else unused(f"{name}, second", taken)


def named_ticks(axis: Any, values: np.ndarray) -> np.ndarray:
    """Places that the axis names are told by name: of an axis that names every one of them."""
    if axis.tickvals is None or axis.ticktext is None or (len(values) and isinstance(values[0], str)):
        return values
    names = dict(zip(axis.tickvals, map(plain, axis.ticktext), strict=False))
    return np.array([names[one] for one in values], object) if set(values) <= set(names) else values


def intervals(name: str, values: np.ndarray, error: Any) -> dict[str, np.ndarray]:
    """The ends of error bars."""
    if error.array is None:
        return {}
    up = np.asarray(error.array, float)
    down = up if error.arrayminus is None else np.asarray(error.arrayminus, float)
    number = values.astype(float)
    return {f"{name}, from": number - down, f"{name}, to": number + up}


def colours(figure: go.Figure, trace: Any) -> tuple[str, np.ndarray] | None:
    """What the marks' colours stand for, where a colour bar says it: its title, and a number a mark."""
    values = trace.marker.color
    if values is None or isinstance(values, str) or not len(values) or isinstance(values[0], str):
        return None
    return value_name(figure, trace.marker), np.asarray(values, float)


def value_name(figure: go.Figure, coloured: Any) -> str:
    """The title of the colour bar."""
    bars = [coloured.colorbar]
    if coloured.coloraxis:
        bars.append(figure.layout[coloured.coloraxis].colorbar)
    return next((plain(bar.title.text) for bar in bars if bar.title.text), "value")


def panel(figure: go.Figure, trace: Any) -> str:
    """The title over the trace's axes in a figure of several."""
    if trace.type == "treemap":
        return ""
    across, up = (axis_of(figure, trace, letter).domain for letter in "xy")
    if across is None or up is None:
        return ""
    middle, top = (across[0] + across[1]) / 2, up[1]
    for note in figure.layout.annotations:
        if note.xref == note.yref == "paper" and abs(note.x - middle) < 1e-6 and abs(note.y - top) < 1e-6:
            return plain(note.text)
    return ""


def details(trace: Any, count: int) -> list[str]:
    """What hovering shows beyond the values of the axes, a text a mark; empty where there is nothing."""
    told = trace.hovertemplate
    if told is None or isinstance(told, str) and not re.search(r"customdata|%\{(text|hovertext)", told):
        return [""] * count
    templates = [told] * count if isinstance(told, str) else list(told)
    return [plain(filled(text, trace, index)) for index, text in enumerate(templates)]


def filled(template: str, trace: Any, index: int) -> str:
    """A hover text with the values of one mark in the places of its fields."""

    def value(field: re.Match) -> str:
        name, part, form = field.groups()
        values = trace[{"id": "ids", "label": "labels", "value": "values"}.get(name, name)]
        one = values if values is None or isinstance(values, str) else values[index]
        one = one[int(part)] if part is not None else one
        if isinstance(one, np.ndarray) and one.size == 1:
            one = one.item()
        if isinstance(one, float | np.floating) and float(one).is_integer():
            one = int(one)  # as the browser writes it
        return format(one, form) if form and isinstance(one, int | float | np.number) else str(one)

    return FIELD.sub(value, CLICK.sub("", template.partition("<extra>")[0]))


def plain(text: str) -> str:
    """Without the marks of Plotly's texts; a new line is a space, or a semicolon between statements."""
    spaced = re.sub(r"\s*<br\s*/?>\s*", "; " if ":" in text or "," in text else " ", text)
    return re.sub(r"<[^>]+>", "", spaced).replace("&nbsp;", " ").strip()


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as they are known: float32 written out in full would claim more; whole ones without a point."""

    def shortened(column: pd.Series) -> pd.Series:
        if not pd.api.types.is_float_dtype(column):
            return column
        finite = column[np.isfinite(column)]
        if len(finite) == column.notna().sum() and (finite == finite.round()).all():
            return column.astype("Int64")
        known = [float(f"{one:.{DIGITS}g}") for one in column.astype(float)]
        return pd.Series(known, index=column.index, name=column.name)

    return table.apply(shortened).reset_index(drop=True)
