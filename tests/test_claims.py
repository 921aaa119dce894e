"""What the papers claim and what holds here: every figure is in its rows or its section, every link opens."""

import re

import pytest

from pruning.ui.learn.claims import VERDICTS, claims, rows
from pruning.ui.page import places
from pruning.ui.state import read_link
from tests.benchmarks.claims import HEADING, section, table, value
from tests.front_door import REPOSITORY

CLAIMS = {row["claim"]: row for row in rows()}
WITH_POINT = re.compile(r"[+-]?\d+\.\d+")


def test_every_method_has_its_claims_and_each_a_verdict_and_a_view():
    assert {claim.method for claim in claims()} == {"cpot", "catro", "di", "gdp"}
    assert len(CLAIMS) == len(claims()) and {claim.verdict for claim in claims()} == set(VERDICTS)
    for claim in claims():
        recipe, opened = read_link({**claim.query, "article": "claims"})
        assert claim.page in places() and opened["article"] == "claims"
        assert {name for name in claim.query} >= {"criterion"} and recipe.criterion == claim.query[
            "criterion"
        ]


@pytest.mark.parametrize("name", CLAIMS)
def test_every_number_is_measured(name):
    row = CLAIMS[name]
    figures = row.get("figures", {})
    assert {figure: one["value"] for figure, one in figures.items()} == {
        f: value(figures[f]) for f in figures
    }
    assert set(re.findall(r"{(\w+)}", row["measured"])) == set(figures)
    source = section(row["source"])
    assert not [number for number in WITH_POINT.findall(row["measured"]) if number not in source]


def test_a_section_that_is_not_there_and_a_row_that_is_not_are_told():
    with pytest.raises(ValueError, match="has no heading"):
        section("gates.md#nothing")
    with pytest.raises(ValueError, match="no row of"):
        value({"csv": "catro.csv", "where": {"network": "none"}, "column": "rank"})


def test_the_document_has_the_same_rows():
    text = (REPOSITORY / "docs" / "methods.md").read_text()
    assert HEADING in text and "\n".join(table(list(claims()))) in text
    assert "{claims}" in (REPOSITORY / "tests" / "benchmarks" / "methods.md.in").read_text()
