"""A Plotly figure as SVG: a few kilobytes that need no script, print well, and take the page's own colours.

Drawn is what this project's figures of results are made of: lines, points, bars, bars of error, a second
axis, straight lines across, and a sentence in an empty figure. Anything else raises ValueError, so that no
figure is shown with a part of it missing.
"""

import base64
import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from pruning.html_report.marks import dashed, hovered, symbol
from pruning.html_report.scales import Scale, scale_of

WIDTH = 760  # units of the drawing; the page scales it
LETTER = 6.9  # width of a letter, about
LEGEND_ROW, TOP, BOTTOM, RIGHT = 20, 12, 50, 18
ASIDE = 60  # for a second axis
NAMED = 200  # pixels that names along an axis take at most
DRAWN = {"scatter", "bar"}


@dataclass(frozen=True)
class Frame:
    """Where a figure's parts are. axes: {"x": ..., "y": ..., "y2": ...}."""

    axes: Mapping[str, Scale]
    left: float
    right: float
    top: float
    bottom: float
    height: float


def drawn(figure: go.Figure, alt: str) -> str:
    """The figure as an <svg> element. alt: its accessible name, as plain text."""
    content = unpacked(figure.to_plotly_json())
    traces, layout = content["data"], content["layout"]
    if odd := beyond(traces, layout):
        raise ValueError(f"a figure with {', '.join(sorted(odd))} can't be drawn without a script")
    frame = framed(traces, layout)
    parts = [*sides(frame, layout), *across(frame, layout)]
    stacked: dict[Any, float] = {}
    bars = [trace for trace in traces if trace["type"] == "bar"]
    for trace in traces:
        own = bar(frame, trace, bars, layout, stacked) if trace["type"] == "bar" else line(frame, trace)
        parts += own
    parts += [*legend(traces, layout), *words(frame, layout, bool(traces))]
    size = f'viewBox="0 0 {WIDTH} {frame.height:.0f}"'
    name = html.escape(alt)
    return f'<svg {size} role="img" aria-label="{name}">{"".join(parts)}</svg>'


def beyond(traces: Sequence[Mapping], layout: Mapping) -> set[str]:
    """What of a figure would be missing, or wrong."""
    odd = {trace["type"] for trace in traces} - DRAWN
    odd |= {f"xaxis {trace['xaxis']}" for trace in traces if trace.get("xaxis", "x") != "x"}
    odd |= {"filled areas" for trace in traces if trace.get("fill", "none") != "none"}
    shapes = {trace.get("line", {}).get("shape", "linear") for trace in traces}
    odd |= {f"{shape} lines" for shape in shapes - {"linear"}}
    odd |= {"upright bars" for trace in traces if trace["type"] == "bar" and trace.get("orientation") != "h"}
    axes = [axis for name, axis in layout.items() if name.startswith(("xaxis", "yaxis"))]
    return odd | {f"a {axis['type']} axis" for axis in axes if axis.get("type") in ("log", "date")}


def unpacked(value: Any) -> Any:
    """A figure's parts with its arrays as lists again, which Plotly packs."""
    if isinstance(value, Mapping) and "bdata" in value:
        numbers = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
        shape = [int(size) for size in str(value.get("shape", len(numbers))).split(",")]
        return numbers.reshape(shape).tolist()
    if isinstance(value, Mapping):
        return {name: unpacked(part) for name, part in value.items() if name != "template"}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [unpacked(part) for part in value] if isinstance(value, (list, tuple)) else value


def framed(traces: Sequence[Mapping], layout: Mapping) -> Frame:
    x = scale_of(layout.get("xaxis", {}), along(traces, "x", layout), zero=flat(traces))
    ys = {}
    for name, key in (("y", "yaxis"), ("y2", "yaxis2")):
        own = [trace for trace in traces if trace.get("yaxis", "y") == name]
        if own or name == "y":
            ys[name] = scale_of(layout.get(key, {}), along(own, "y", layout), zero=False)
    longest = max([len(shown(text)) for _, text in ys["y"].ticks], default=0)
    left = min(LETTER * longest, NAMED) + 16 + (18 if title(layout, "yaxis") else 0)
    right = WIDTH - (ASIDE if "y2" in ys else RIGHT)
    rows = len(rows_of(named(traces, layout)))
    top = TOP + LEGEND_ROW * rows
    height = float(layout.get("height", 360)) - 40 + LEGEND_ROW * max(0, rows - 1)
    bottom = height - BOTTOM
    axes = {name: scale.placed(bottom, top) for name, scale in ys.items()}
    return Frame({"x": x.placed(left, right), **axes}, left, right, top, bottom, height)


def flat(traces: Sequence[Mapping]) -> bool:
    return any(trace["type"] == "bar" for trace in traces)


def along(traces: Sequence[Mapping], axis: str, layout: Mapping) -> list:
    """All that an axis has to reach: values, the ends of bars of error, sums of stacked bars, straight
    lines."""
    found: list = []
    sums: dict[Any, float] = {}
    for trace in traces:
        values = [*trace.get(axis, ())]
        if trace["type"] == "bar" and axis == "x" and layout.get("barmode") == "stack":
            for name, value in zip(trace["y"], values, strict=True):
                sums[name] = sums.get(name, 0.0) + float(value)
            continue
        found += values
        for k, (below, above) in enumerate(errors(trace, axis)):
            found += [float(values[k]) - below, float(values[k]) + above]
    for shape in layout.get("shapes", ()):
        if "domain" not in shape.get(f"{axis}ref", ""):
            found += [float(shape[f"{axis}0"]), float(shape[f"{axis}1"])]
    return [*found, *sums.values()]


def errors(trace: Mapping, axis: str) -> list[tuple[float, float]]:
    """Of every point, how far its bar of error reaches down and up."""
    told = trace.get(f"error_{axis}")
    if not told or told.get("array") is None:
        return []
    above = [float(value) for value in told["array"]]
    below = [float(value) for value in told.get("arrayminus", above)]
    known = [[end if math.isfinite(end) else 0.0 for end in ends] for ends in (below, above)]
    return [*zip(*known, strict=True)]


def line(frame: Frame, trace: Mapping) -> Iterator[str]:
    """A line through points, with their bars of error and marks."""
    x, y = frame.axes["x"], frame.axes[trace.get("yaxis", "y")]
    xs, ys = [*trace.get("x", ())], [*trace.get("y", ())]
    places = [(x(a), y(b)) for a, b in zip(xs, ys, strict=True)]
    known = [(a, b) for a, b in places if math.isfinite(a) and math.isfinite(b)]
    mode, how = trace.get("mode", "lines+markers"), trace.get("line", {})
    if "lines" in mode and len(known) > 1:
        points = " L".join(f"{a:.1f} {b:.1f}" for a, b in known)
        stroke = f'stroke="{how.get("color", "currentColor")}" stroke-width="{how.get("width", 2)}"'
        yield f'<path d="M{points}" fill="none" {stroke}{dashed(how)}/>'
    marker = trace.get("marker", {})
    for k, (a, b) in enumerate(places):
        if not (math.isfinite(a) and math.isfinite(b)):
            continue
        colour = of(marker.get("color", how.get("color", "currentColor")), k)
        yield from error_bars(frame, trace, k, (xs[k], ys[k]), colour)
        if "markers" in mode:
            kind, size = of(marker.get("symbol", "circle"), k), of(marker.get("size", 6), k)
            faint = float(of(marker.get("opacity", 1), k))
            yield symbol(kind, a, b, size, colour, opacity=faint, told=hovered(trace, k, xs[k], ys[k]))


def of(value, row: int):
    """One for all points, or one each."""
    return value if isinstance(value, (str, int, float)) else value[row]


def error_bars(frame: Frame, trace: Mapping, row: int, at: tuple, colour: str) -> Iterator[str]:
    x, y = frame.axes["x"], frame.axes[trace.get("yaxis", "y")]
    stroke = f'stroke="{colour}" stroke-width="1"'
    if both := errors(trace, "x"):
        below, above = both[row]
        start, end = x(float(at[0]) - below), x(float(at[0]) + above)
        yield f'<path d="M{start:.1f} {y(at[1]):.1f}H{end:.1f}" {stroke}/>'
    if both := errors(trace, "y"):
        below, above = both[row]
        start, end = y(float(at[1]) - below), y(float(at[1]) + above)
        yield f'<path d="M{x(at[0]):.1f} {start:.1f}V{end:.1f}" {stroke}/>'


def bar(frame: Frame, trace: Mapping, bars: list, layout: Mapping, stacked: dict) -> Iterator[str]:
    """Horizontal bars: one on another, beside each other, or alone. stacked: where each row's bars end."""
    x, y, mode = frame.axes["x"], frame.axes["y"], layout.get("barmode", "group")
    thick = y.step * (1 - float(layout.get("bargap", 0.2)))
    beside = 1 if mode == "stack" else len(bars)
    place = 0 if mode == "stack" else bars.index(trace)
    for k, (value, name) in enumerate(zip(trace["x"], trace["y"], strict=True)):
        begin = stacked.get(name, 0.0) if mode == "stack" else 0.0
        end = begin + float(value)
        stacked[name] = end
        middle = y(name) + thick * ((place + 0.5) / beside - 0.5)
        left, wide = min(x(begin), x(end)), abs(x(end) - x(begin))
        colour = of(trace.get("marker", {}).get("color", "currentColor"), k)
        hatched = trace["marker"].get("pattern", {}).get("shape")
        paint = f'fill="{colour}"' + (' fill-opacity="0.55"' if hatched else "")
        told = html.escape(hovered(trace, k, value, name))
        box = f'x="{left:.1f}" y="{middle - thick / beside / 2:.1f}" width="{wide:.1f}"'
        yield f'<rect {box} height="{thick / beside:.1f}" {paint}><title>{told}</title></rect>'
        yield from error_bars(frame, trace, k, (end, name), "currentColor")


def sides(frame: Frame, layout: Mapping) -> Iterator[str]:
    """Grid, ticks and titles."""
    if layout.get("xaxis", {}).get("visible") is False:
        return
    for name, anchor, x in (("y", "end", frame.left - 8), ("y2", "start", frame.right + 8)):
        for value, words in frame.axes[name].ticks if name in frame.axes else ():
            at = frame.axes[name].at(value)
            if name == "y":
                yield f'<path class="grid" d="M{frame.left:.1f} {at:.1f}H{frame.right:.1f}"/>'
            yield text(shown(words), x, at + 4, anchor)
    for value, words in frame.axes["x"].ticks:
        at = frame.axes["x"].at(value)
        yield f'<path class="grid" d="M{at:.1f} {frame.top:.1f}V{frame.bottom:.1f}"/>'
        yield text(words, at, frame.bottom + 18)
    yield text(title(layout, "xaxis"), (frame.left + frame.right) / 2, frame.height - 8)
    for key, x in (("yaxis", 14), ("yaxis2", WIDTH - 6)):
        if words := title(layout, key):
            yield text(words, x, (frame.top + frame.bottom) / 2, turned=True)


def text(words: str, x: float, y: float, anchor: str = "middle", *, turned: bool = False) -> str:
    at = f'transform="translate({x:.1f} {y:.1f})rotate(-90)"' if turned else f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text {at} text-anchor="{anchor}">{html.escape(words)}</text>'


def title(layout: Mapping, axis: str) -> str:
    told = layout.get(axis, {}).get("title", "")
    return str(told.get("text", "") if isinstance(told, Mapping) else told)


def shown(text: str) -> str:
    """A name beside an axis, its middle left out where there is no room."""
    text, most = str(text).strip(), int(NAMED / LETTER)
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-(most // 2) :]}"


def across(frame: Frame, layout: Mapping) -> Iterator[str]:
    """Straight lines through the whole figure."""
    for shape in layout.get("shapes", ()):
        how = shape.get("line", {})
        stroke = f'stroke="{how.get("color", "currentColor")}" stroke-width="{how.get("width", 1)}"'
        if "domain" in shape.get("xref", ""):
            way = f"M{frame.left:.1f} {frame.axes['y'](shape['y0']):.1f}H{frame.right:.1f}"
        else:
            way = f"M{frame.axes['x'](shape['x0']):.1f} {frame.top:.1f}V{frame.bottom:.1f}"
        yield f'<path d="{way}" {stroke}{dashed(how)}/>'


def named(traces: Sequence[Mapping], layout: Mapping) -> list[Mapping]:
    """The traces of the legend."""
    if layout.get("showlegend") is False:
        return []
    told = [t for t in traces if t.get("name") and t.get("showlegend", True) and len(t.get("x", ()))]
    return told if len(told) > 1 or layout.get("showlegend") else []


def rows_of(told: Sequence[Mapping]) -> list[list[tuple[Mapping, float]]]:
    """The legend's rows: traces, each with where it begins."""
    rows: list[list[tuple[Mapping, float]]] = []
    at = float(WIDTH)
    for trace in told:
        wide = 34 + LETTER * len(trace["name"])
        if not rows or at + wide > WIDTH:
            rows.append([])
            at = 8
        rows[-1].append((trace, at))
        at += wide
    return rows


def legend(traces: Sequence[Mapping], layout: Mapping) -> Iterator[str]:
    for number, row in enumerate(rows_of(named(traces, layout))):
        y = TOP + LEGEND_ROW * number
        for trace, x in row:
            marker, how = trace.get("marker", {}), trace.get("line", {})
            colour = of(marker.get("color", how.get("color", "currentColor")), 0)
            if trace["type"] == "bar":
                faint = ' fill-opacity="0.55"' if marker.get("pattern", {}).get("shape") else ""
                yield f'<rect x="{x}" y="{y - 6}" width="18" height="10" fill="{colour}"{faint}/>'
            if "lines" in trace.get("mode", ""):
                yield f'<path d="M{x} {y}h18" stroke="{colour}" stroke-width="2"{dashed(how)}/>'
            if "markers" in trace.get("mode", ""):
                yield symbol(of(marker.get("symbol", "circle"), 0), x + 9, y, 9, colour)
            yield text(trace["name"], x + 24, y + 4, "start")


def words(frame: Frame, layout: Mapping, there: bool) -> Iterator[str]:
    """Why there is nothing to see."""
    for note in layout.get("annotations", ()) if not there else ():
        x, y = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
        yield text(note["text"], x, y)
