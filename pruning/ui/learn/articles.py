"""The articles of the Learn page: a text each, with a place for its live figure."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent / "articles"
PLACE = "\n[toy]\n"  # in a text: where its figure stands
TITLES = {  # in the order in which they are read
    "channel": "Channels",
    "cpot": "CPOT",
    "catro": "CATRO",
    "di": "DI",
    "gdp": "GDP",
    "repair": "Repair",
}
VIEWS = TITLES | {
    "claims": "Claims",
    "exercises": "Exercises",
    "glossary": "Glossary",
}  # what the page offers


class Article(NamedTuple):
    """title: its heading.   before, after: Markdown on both sides of the figure."""

    title: str
    before: str
    after: str


@cache
def article(name: str) -> Article:
    """The article of a name in TITLES."""
    text = (HERE / f"{name}.md").read_text(encoding="utf-8")
    heading, _, rest = text.partition("\n")
    before, _, after = rest.partition(PLACE)
    return Article(heading.removeprefix("# "), before.strip(), after.strip())
