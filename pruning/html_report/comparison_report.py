"""report.html of a comparison: what was compared, who leads, what matters, every result, what failed, and how
to run it again."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from pruning.figures.comparison import (
    NAMES,
    against_cost,
    by_choice,
    choices_in_words,
    factor_in_words,
)
from pruning.figures.factors import factor_shares, factors_in_words, term_in_words
from pruning.html_report.comparison_tables import choices, differences, every_run, failures
from pruning.html_report.comparison_words import (
    at_once_in_words,
    in_page_terms,
    ordered,
    repair_in_words,
    shares_of,
)
from pruning.html_report.page import (
    Number,
    bullets,
    code,
    files,
    heading,
    page,
    paragraph,
    picture,
    table,
)
from pruning.runs.comparison_folder import ASKED, LEADS, RESULTS, SAID
from pruning.runs.comparison_points import (
    LAST,
    at_stage,
    metric_of,
    points,
    read_results,
    varying,
)
from pruning.runs.comparison_text import LISTS, command_line, python
from pruning.runs.product import Comparison
from pruning.tasks import Metric
from pruning.terms import percent, plural, sentence

ROWS, PAIRS = 500, 300  # of a table; the files hold all
LARGEST_FILE = 500_000  # bytes of a table that the report carries
LINES, FIGURES = 12, 9  # lines of one figure; figures of one comparison
SPLIT, BUDGETS = ("repair", "allocation", "epochs"), ("cut", "measure")
SPREAD = "Bars reach from the worst to the best seed."
LEVELS = {  # a list of `compare`, and what each of its values is
    **{"models": "model", "datasets": "data", "criteria": "criterion", "cuts": "cut", "measures": "measure"},
    **{"allocations": "allocation", "repairs": "repair", "epochs": "epochs", "seeds": "seed"},
}


def comparison_html(out: str | Path) -> str:
    """A comparison that ended, or as far as it is, from the folder that `compare` wrote, as one page.

    Raises ValueError in one sentence where the folder holds none."""
    out = Path(out)
    try:
        asked = Comparison.from_json((out / ASKED).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{out} holds no {ASKED}; give a folder that compare wrote") from error
    results = read_results(out)
    rows = at_stage(results)
    factors = ordered(varying(rows)) if len(rows) else []
    parts = [*summary(asked, results), *said(asked, results, out)]
    if len(rows):
        parts += [*what_matters(rows, factors), *drawings(results, factors)]
        parts += [*choices(results, factors), *differences(out, metric_of(results))]
    parts += [*every_run(results, factors), *failures(results), *again(asked, out)]
    return page(title_of(asked), parts)


def title_of(asked: Comparison) -> str:
    networks, data = ", ".join(asked.models), ", ".join(map(name_of, asked.datasets))
    return f"Comparison: {networks} on {data}"


def name_of(data: str) -> str:
    return (data.partition("#")[2] or data).rpartition("/")[2]


def summary(asked: Comparison, results: pd.DataFrame) -> Iterator[str]:
    """What was compared, and how far it came."""
    yield f"<h1>Comparison report</h1>{paragraph(title_of(asked) + '.', 'lead')}"
    counts = results["status"].value_counts()
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    beside = int((results["kind"] == "control").sum())
    words = f"{plural(asked.size, 'recipe')}, {plural(beside, 'control')} beside them"
    yield paragraph(f"{words}; rows: {told or 'none yet'}.")
    rows = []
    for name in LISTS if asked.criteria else ():
        values = asked.every_criterion if name == "criteria" else getattr(asked, name)
        levels = (factor_in_words(LEVELS[name], value) for value in values)
        rows.append((sentence(NAMES.get(LEVELS[name], name)), ", ".join(levels) or "the criterion's own"))
    rows += [(name, str(value)) for name, value in asked.settings.items()]
    yield heading("What was compared")
    yield table(("Choice", "Values"), rows)
    if asked.recipes:
        yield paragraph(f"And {plural(len(asked.recipes), 'recipe')} beside these lists.")


def said(asked: Comparison, results: pd.DataFrame, out: Path) -> Iterator[str]:
    """The story of a comparison of repairs, what can't be told apart, and who leads."""
    yield heading("Who leads")
    yield paragraph(repair_in_words(results), "lead") + paragraph(at_once_in_words(results))
    path = out / SAID
    if path.is_file():
        told = path.read_text(encoding="utf-8").splitlines()
        yield bullets(in_page_terms(one, asked) for one in told)
    elif (out / LEADS).is_file():
        yield paragraph("An earlier version ran this, without sentences: see the pairs below.", "quiet")
    else:
        yield paragraph("Who leads is told once the comparison has come to its end.", "quiet")


def what_matters(rows: pd.DataFrame, factors: Sequence[str]) -> Iterator[str]:
    """How much of the differences each choice makes, where two or more differ; controls are no choice."""
    shares = shares_of(rows, factors)
    if shares.empty:
        return
    yield heading("What matters here")
    yield picture(factor_shares(shares), factors_in_words(shares), "Share of the differences by choice")
    cells = [
        (
            term_in_words(row.term),
            *(share(f"{row.term}.{name}", getattr(row, name)) for name in ("share", "low", "high")),
        )
        for row in shares.itertuples()
    ]
    yield table(("Choice", "Share of the variance", "95 %: from", "to"), cells)


def share(name: str, value: float) -> Number | str:
    return "" if pd.isna(value) else Number(name, value, percent(value))


def drawings(results: pd.DataFrame, factors: Sequence[str]) -> Iterator[str]:
    """Accuracy against MACs, and choice by choice, with the spread over seeds."""
    metric, found = metric_of(results), points(results, LAST, "macs")
    told = choices_in_words(found, factors, metric, "macs")
    yield heading(f"{sentence(metric.name)} against MACs")
    figures = list(against_macs(found, factors, metric))
    for words, figure in figures:
        yield picture(figure, words or told, f"{metric.name} against MACs {words}".strip())
    if factors:
        words = SPREAD if figures else f"{told} {SPREAD}"
        yield picture(by_choice(found, factors, metric), words, "Every choice")


def against_macs(
    found: pd.DataFrame, factors: Sequence[str], metric: Metric
) -> Iterator[tuple[str, go.Figure]]:
    """One figure, or one for each repair and allocation where one would have too many lines. Where all have
    one budget, many lines would stand in one column and say nothing: then there is none, nor where there
    would be more figures than anybody looks through."""
    lines = [name for name in factors if name not in BUDGETS]
    apart: list[str] = []
    for name in SPLIT:
        if count(found, [one for one in lines if one not in apart]) > LINES and name in lines:
            apart.append(name)
    one_budget = all(found[name].nunique() == 1 for name in BUDGETS)
    if (one_budget and count(found, lines) > LINES) or count(found, apart) > FIGURES:
        return
    for levels, some in found.groupby(apart, sort=False) if apart else [((), found)]:
        words = ", ".join(factor_in_words(name, level) for name, level in zip(apart, levels, strict=True))
        yield sentence(words), against_cost(some, [f for f in factors if f not in apart], "macs", metric)


def count(found: pd.DataFrame, lines: Sequence[str]) -> int:
    return len(found[lines].drop_duplicates()) if lines else 1


def again(asked: Comparison, out: Path) -> Iterator[str]:
    yield heading("How to run it again")
    if line := command_line(asked):
        yield code(line)
    else:
        yield paragraph("It holds recipes or fields that no list of the command line says, so in Python:")
    yield paragraph("In Python, with comparison.json beside it:")
    yield code(python())
    there = [out / name for name in (RESULTS, ASKED, LEADS)]
    kept = [path for path in there if path.is_file() and path.stat().st_size <= LARGEST_FILE]
    yield files({path.name: path.read_text(encoding="utf-8") for path in kept})
