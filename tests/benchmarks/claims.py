"""The claims of the four abstracts: their figures from docs/measured/, and the table of docs/methods.md.

python -m tests.benchmarks.claims      puts every figure's value into pruning/ui/learn/claims.toml, and the
table into
                                       docs/methods.md
"""

import csv
import re
from typing import Any

from pruning.terms import title
from pruning.ui.learn.claims import FILE, Claim, rows, told
from tests.benchmarks.measured import ROOT

HEADING = "## Claim by claim"


def value(figure: dict[str, Any]) -> str:
    """A figure's value, from the rows of its file; raises ValueError where none fits."""
    with (ROOT / "docs" / "measured" / figure["csv"]).open(newline="") as file:
        fitting = [row for row in csv.DictReader(file) if figure["where"].items() <= row.items()]
    if not fitting:
        raise ValueError(f"no row of {figure['csv']} has {figure['where']}")
    shares = [float(row[figure["column"]]) / float(row.get(figure.get("over"), 1)) for row in fitting]
    mean = figure.get("scale", 100) * sum(shares) / len(shares)
    return f"{mean:.{figure.get('digits', 1)}f}"


def section(source: str) -> str:
    """The text of a file of docs/ below the heading of an anchor; of the whole file without one. Raises
    ValueError where there is no such heading."""
    name, _, wanted = source.partition("#")
    text = (ROOT / "docs" / name).read_text()
    if not wanted:
        return text
    parts = re.split(r"^(#+) (.*)$", text, flags=re.MULTILINE)[1:]
    for start in range(0, len(parts), 3):
        if anchor(parts[start + 1]) == wanted:
            below = [parts[start + 2]]
            for later in range(start + 3, len(parts), 3):
                if len(parts[later]) <= len(parts[start]):
                    break
                below += parts[later : later + 3]
            return "".join(below)
    raise ValueError(f"docs/{name} has no heading #{wanted}")


def anchor(heading: str) -> str:
    """As GitHub and the documentation's site make them."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def table(claims: list[Claim]) -> list[str]:
    lines = ["| method | claim | where it is seen | measured here | |", "|---|---|---|---|---|"]
    for claim in claims:
        name, own = claim.source.partition("#")[0], claim.source.startswith("methods.md")
        measured = claim.measured if own else f"{claim.measured} [{name}]({claim.source})"
        cells = (
            title(claim.method),
            claim.claim,
            f"{claim.page}: {claim.seen}",
            measured,
            f"**{claim.verdict}**",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def filled_in():
    """Every figure's value in the data file, as its rows have it."""
    text = FILE.read_text()
    for row in rows():
        for name, figure in row.get("figures", {}).items():
            start = text.index(f"\nfigures.{name} = ", text.index(f'claim = "{row["claim"]}"'))
            end = text.index("\n", start + 1)
            put = re.sub(r'value = "[^"]*"', f'value = "{value(figure)}"', text[start:end])
            text = text[:start] + put + text[end:]
    FILE.write_text(text)
    rows.cache_clear()


def written():
    """The table in docs/methods.md, in the place of the one that is there."""
    path = ROOT / "docs" / "methods.md"
    before, _, rest = path.read_text().partition(HEADING)
    intro, _, after = rest.partition("\n|")
    after = after[re.search(r"\n(?!\|)", after).start() :] if after else ""
    lines = "\n".join(table([told(row) for row in rows()]))
    path.write_text(f"{before}{HEADING}{intro.rstrip()}\n\n{lines}{after}")


if __name__ == "__main__":
    filled_in()
    written()
