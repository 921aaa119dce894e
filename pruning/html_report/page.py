"""The parts of a report: a page without a script that asks for nothing, in light and dark and on paper.

All text that comes from elsewhere (names of files and classes, errors) passes through `escaped`. A number
stands in an element with its exact value beside what is read: data-name says what it is, data-value what it
is.
"""

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from pruning.html_report.drawing import drawn
from pruning.html_report.own_reports import BEGINNING

STYLE = """
:root {color-scheme: light dark; --ink: #1c2024; --page: #fff; --quiet: #5b6570; --line: #dfe3e8;
 --raised: #f5f7f9; --mark: #1f6fb2}
@media (prefers-color-scheme: dark) {:root {--ink: #e6e8eb; --page: #15181c; --quiet: #9aa4af;
 --line: #333a42; --raised: #1e2329; --mark: #6db3ec}}
* {box-sizing: border-box}
body {margin: 0 auto; padding: 2rem 1.2rem 4rem; max-width: 62rem; background: var(--page); color: var(--ink);
 font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif}
h1 {font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem}
h2 {font-size: 1.2rem; margin: 2.4rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line)}
p {margin: .5rem 0; max-width: 46rem; overflow-wrap: anywhere}
p.lead {font-size: 1.1rem} .quiet, figcaption {color: var(--quiet); font-size: .9rem}
a {color: var(--mark)}
.tiles {display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .7rem;
 margin: 1rem 0}
.tile {border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; background: var(--raised)}
.tile b {display: block; font-size: 1.45rem; font-weight: 600; line-height: 1.3}
.wide {overflow-x: auto; margin: .8rem 0}
table {border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums}
th, td {padding: .3rem .7rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top;
 overflow-wrap: break-word; max-width: 24rem}
th {font-weight: 600; color: var(--quiet)} td.number, th.number {text-align: right; white-space: nowrap}
figure {margin: 1rem 0} figure svg {width: 100%; height: auto; display: block}
svg text {font-size: 12px; fill: currentColor} svg .grid {stroke: var(--line); fill: none}
svg .dot {fill: var(--page)}
pre {background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem;
 white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem}
li {overflow-wrap: anywhere} summary {cursor: pointer; color: var(--mark)}
.pictures {display: flex; flex-wrap: wrap; gap: .8rem} .pictures figure {margin: 0; width: 84px}
.pictures img {width: 84px; height: 84px; object-fit: contain; border-radius: 4px; image-rendering: pixelated}
.domains img {width: 64px; height: 64px; object-fit: contain; image-rendering: pixelated; display: block}
@media (max-width: 640px) {figure {overflow-x: auto} figure svg {min-width: 36rem}}
@media print {:root {color-scheme: light; --ink: #000; --page: #fff; --quiet: #444; --line: #ccc;
 --raised: #fff; --mark: #000}
 body {max-width: none; padding: 0; font-size: 11pt} figure, .tile, tr {break-inside: avoid}
 h2 {break-after: avoid} table {font-size: 8pt} th, td {padding: .1rem .3rem; overflow-wrap: anywhere}
 td.number {white-space: normal}
 .wide {overflow: visible} * {print-color-adjust: exact}}
"""


class Number(NamedTuple):
    """A number as it is read, with its exact value. name: what it is, such as accuracy.tuned."""

    name: str
    value: Any
    text: str


def escaped(text: Any) -> str:
    return html.escape(str(text))


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page. title: plain text.   parts: HTML."""
    head = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escaped(title)}</title><style>{STYLE}</style>"
    body = "\n".join(parts)
    return f"{BEGINNING}{head}</head>\n<body>\n{body}\n</body></html>\n"


def heading(title: str) -> str:
    return f"<h2>{escaped(title)}</h2>"


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escaped(text)}</p>' if text else ""


def bullets(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escaped(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def tiles(told: Iterable[tuple[str, Number, str]]) -> str:
    """A row of figures: what it is, the figure, and a few words below."""
    parts = (
        f'<div class="tile"><span class="quiet">{escaped(label)}</span><b {exact(number)}>'
        f'{escaped(number.text)}</b><span class="quiet">{escaped(below)}</span></div>'
        for label, number, below in told
    )
    return f'<div class="tiles">{"".join(parts)}</div>'


def exact(number: Number) -> str:
    return f'data-name="{escaped(number.name)}" data-value="{escaped(number.value)}"'


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """rows: cells that are texts or Numbers; a column of Numbers stands to the right."""
    rows = [list(row) for row in rows]
    right = [any(isinstance(row[k], Number) for row in rows) for k in range(len(columns))]
    head = "".join(
        f"<th{' class=number' if at else ''}>{escaped(name)}</th>"
        for name, at in zip(columns, right, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def cell(content: Any) -> str:
    if isinstance(content, Number):
        return f'<td class="number" {exact(content)}>{escaped(content.text)}</td>'
    return f"<td>{escaped(content)}</td>"


def picture(figure: go.Figure, sentence: str, alt: str) -> str:
    """A figure and the sentence that says what is to be seen."""
    return f"<figure>{drawn(figure, alt)}<figcaption>{escaped(sentence)}</figcaption></figure>"


def folded(summary: str, content: str) -> str:
    return f"<details><summary>{escaped(summary)}</summary>{content}</details>"


def code(text: str) -> str:
    return f"<pre>{escaped(text)}</pre>"


def files(named: Mapping[str, str]) -> str:
    """Links that save what the report was made from. named: {file: its text}."""
    links = [
        f'<a download="{escaped(name)}" href="data:application/octet-stream;base64,'
        f'{base64.b64encode(text.encode()).decode()}">{escaped(name)}</a>'
        for name, text in named.items()
    ]
    return f"<p>In this file: {', '.join(links)}</p>" if links else ""
