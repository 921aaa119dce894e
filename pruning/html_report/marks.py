"""Points of a drawn figure: Plotly's symbols as paths, dashes, and what a point says where one points."""

import html
import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

DASHES = {"dot": "1.5 3", "dash": "7 4", "longdash": "11 4", "dashdot": "7 3 1.5 3"}
# Corners of regular symbols: number, turn in degrees, inner radius of a star's (none: a polygon).
CORNERS: dict[str, tuple[int, float, float | None]] = {
    "square": (4, 45, None),
    "diamond": (4, 0, None),
    "diamond-wide": (4, 0, None),
    "pentagon": (5, 0, None),
    "hexagon": (6, 0, None),
    "triangle-up": (3, 0, None),
    "triangle-down": (3, 180, None),
    "star": (5, 0, 0.45),
    "hexagram": (6, 0, 0.58),
    "star-square": (4, 45, 0.5),
    "star-diamond": (4, 0, 0.5),
}
OUTLINES: dict[str, list[tuple[float, float]]] = {  # in units of the radius
    "cross": [(-0.4, -1), (0.4, -1), (0.4, -0.4), (1, -0.4), (1, 0.4), (0.4, 0.4)],
    "hourglass": [(-0.9, -1), (0.9, -1), (-0.9, 1), (0.9, 1)],
    "bowtie": [(-1, -0.9), (1, 0.9), (1, -0.9), (-1, 0.9)],
}
OUTLINES["cross"] += [(-x, -y) for x, y in OUTLINES["cross"]]
TEMPLATE = re.compile(r"%\{(\w+)(?:\[(\d+)\])?(?::([^}]*))?\}")
CLICK = re.compile(r"<br>click:[^<]*")  # nothing opens in a file
EXTRA = re.compile(r"<extra>(.*?)</extra>", re.DOTALL)


def symbol(
    kind: str, x: float, y: float, size: float, colour: str, *, opacity: float = 1, told: str = ""
) -> str:
    """A mark at a place. kind: a Plotly symbol, with -open, -dot or both.   told: what it says, as plain
    text."""
    base = kind.replace("-open", "").replace("-dot", "")
    radius = size / 2
    paint = f'fill="{colour}"' if "-open" not in kind else 'fill="none" pointer-events="all"'
    paint += f' stroke="{colour}" stroke-width="1.5"' + (f' opacity="{opacity:g}"' if opacity != 1 else "")
    title = f"<title>{html.escape(told)}</title>" if told else ""
    if base not in CORNERS and base not in OUTLINES and base != "x":
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" {paint}>{title}</circle>'
    else:
        shape = f'<path d="{outline(base, x, y, radius)}" {paint}>{title}</path>'
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.5" class="dot"/>' if "-dot" in kind else ""
    if "-open" in kind:
        dot = dot.replace('class="dot"', f'fill="{colour}"')
    return shape + dot


def outline(base: str, x: float, y: float, radius: float) -> str:
    if base == "x":
        half = math.sqrt(0.5)
        corners = [(half * (a - b), half * (a + b)) for a, b in OUTLINES["cross"]]
    elif base in OUTLINES:
        corners = OUTLINES[base]
    else:
        corners = regular(*CORNERS[base], wide=1.3 if base == "diamond-wide" else 1)
    points = " L".join(f"{x + radius * a:.1f} {y + radius * b:.1f}" for a, b in corners)
    return f"M{points}Z"


def regular(count: int, turn: float, inner: float | None, wide: float = 1) -> list[tuple[float, float]]:
    """Corners around 0, the first on top, then turned."""
    steps = count if inner is None else 2 * count
    found = []
    for k in range(steps):
        angle = math.radians(turn) + 2 * math.pi * k / steps
        radius = 1.15 if inner is None or k % 2 == 0 else 1.15 * inner
        found.append((wide * radius * math.sin(angle), -radius * math.cos(angle)))
    return found


def dashed(line: Mapping[str, Any]) -> str:
    return f' stroke-dasharray="{DASHES[line["dash"]]}"' if line.get("dash") in DASHES else ""


def hovered(trace: Mapping[str, Any], row: int, x, y) -> str:
    """A point's hovertemplate filled in, as plain text."""
    if trace.get("hoverinfo") == "skip" or not trace.get("hovertemplate"):
        return ""
    template = CLICK.sub("", trace["hovertemplate"])
    extra = EXTRA.search(template)
    template = EXTRA.sub("", template).replace("<br>", "\n")
    if extra and extra[1]:
        template = f"{extra[1]}: {template}"

    def filled(match: re.Match) -> str:
        name, place, form = match.groups()
        value = {"x": x, "y": y}.get(name, trace.get(name))
        if name not in ("x", "y") and value is not None and not isinstance(value, str):
            value = value[row]
        if place is not None and value is not None:
            value = value[int(place)]
        return formatted(value, form)

    return TEMPLATE.sub(filled, template)


def formatted(value, form: str | None) -> str:
    """d3's number formats that figures use are Python's too."""
    if value is None:
        return ""
    if isinstance(value, str) or not form:
        return f"{float(value):g}" if isinstance(value, Real) else str(value)
    if form.endswith(","):
        return f"{float(value):,.0f}"
    return format(float(value), form)
