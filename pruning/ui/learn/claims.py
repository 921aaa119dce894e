"""What the papers claim, and what holds here: a row a claim, with the view that shows it."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from pruning.terms import title
from pruning.ui import lesson, page

FILE = Path(__file__).parent / "claims.toml"
VERDICTS = {  # {verdict: symbol}; never a colour alone
    "holds": ":material/check_circle:",
    "holds in part": ":material/contrast:",
    "does not hold": ":material/cancel:",
    "not measured here": ":material/help:",
}


class Claim(NamedTuple):
    """seen: what of the app shows it, on `page`, by a link with `query`.   measured: in words, with its
    figures. verdict: one of VERDICTS.   source: file of docs/, and its heading as an anchor."""

    method: str
    claim: str
    seen: str
    page: str
    query: dict[str, str]
    measured: str
    verdict: str
    source: str


@cache
def claims() -> tuple[Claim, ...]:
    """All of them, a paper's after each other."""
    return tuple(told(row) for row in rows())


@cache
def rows() -> list[dict[str, Any]]:
    """As the file has them: `measured` with a name in braces for each of its figures."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))["claim"]


def told(row: dict[str, Any]) -> Claim:
    values = {name: figure["value"] for name, figure in row.get("figures", {}).items()}
    fields = {name: row[name] for name in Claim._fields} | {"measured": row["measured"].format(**values)}
    return Claim(**fields)


def panel():
    st.header("What the papers claim, and what holds here", anchor=False)
    st.markdown(
        "The abstracts' claims, one by one: where this app shows it, what was measured on its networks, and "
        "whether it holds there. The papers' own networks, data and schedules are others, so this is no "
        "verdict on them."
    )
    for method in dict.fromkeys(claim.method for claim in claims()):
        st.subheader(title(method), anchor=False)
        for number, claim in enumerate(claims()):
            if claim.method == method:
                row(claim, number)


def row(claim: Claim, number: int):
    with st.container(border=True, key=f"claim {number}"):
        verdict = f"{VERDICTS[claim.verdict]} **{claim.verdict.capitalize()}.**"
        st.markdown(f"**{claim.claim}**  \n{verdict} {claim.measured}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                page.places()[claim.page],
                label=f"{claim.page}: {claim.seen}",
                query_params=claim.query | lesson.keys() | {"article": "claims"},
                icon=":material/arrow_forward:",
            )
            st.caption(f"docs/{claim.source.partition('#')[0]}")
