"""Translations: a few test pictures in every domain at each stage of a run, and the measures."""

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from pruning.figures import translation_measures as figures
from pruning.figures.tradeoff import STAGES
from pruning.inspection.translated_pictures import TranslatedPictures
from pruning.terms import sentence
from pruning.ui import charts
from pruning.ui.picture_strips import address

STYLE = """<style>
.domains {display: grid; gap: 0.25rem; align-items: center; overflow-x: auto; font-size: 0.8rem}
.domains img {width: 100%; max-width: 84px; aspect-ratio: 1; object-fit: contain; border-radius: 4px;
 display: block; image-rendering: pixelated}
.domains b {overflow-wrap: anywhere}
</style>"""
NONE = "This run was saved without pictures in every domain; run it again to see them."
WORDS = (
    "A row is a stage of the run: the test picture, then its translation to every domain, also its own. "
    "Repair and fine-tuning should restore what the cut has blurred; the rest of the picture should stay."
)


def in_every_domain(found: TranslatedPictures):
    """One picture at all stages below each other; folded, all pictures at one stage."""
    st.subheader("In every domain", anchor=False)
    if not found.stages:
        st.caption(NONE)
        return
    stages = list(found.stages)
    names = {stage: sentence(STAGES[stage][0]) for stage in stages}
    number = st.segmented_control(
        "Test picture",
        list(range(len(found.rows))),
        default=0,
        format_func=lambda place: found.sources[place],
        required=True,
        help="The first test picture of every domain.",
        key="in every domain",
    )
    rows = [(names[stage], found.pictures[number], found.stages[stage][number]) for stage in stages]
    grid(rows, found.domains, f"Test image {found.rows[number]}")
    st.caption(WORDS)
    with st.expander("All of these pictures", key="all pictures folded"):
        stage = st.segmented_control(
            "Stage", stages, default=stages[-1], format_func=names.get, required=True, key="domains of"
        )
        made = zip(found.sources, found.pictures, found.stages[stage], strict=True)
        grid([*made], found.domains, names[stage])


def grid(rows: list[tuple], domains: tuple[str, ...], what: str):
    """rows: (its name, uint8 [h, w, 3], uint8 [D, h, w, 3]).
    what: they are of, in words."""
    parts = [f"<b>{html.escape(head)}</b>" for head in ("", "picture", *(f"to {name}" for name in domains))]
    for name, own, made in rows:
        parts.append(f"<b>{html.escape(name)}</b>")
        told = [what, *(f"{what}, {name}, to {domain}" for domain in domains)]
        for image, words in zip((own, *made), told, strict=True):
            words = html.escape(words)
            parts.append(f"<img src='{address(image)}' alt='{words}' title='{words}'>")
    columns = f"minmax(5.5rem, 8rem) repeat({len(domains) + 1}, minmax(32px, 84px))"
    st.html(f"{STYLE}<div class='domains' style='grid-template-columns: {columns}'>{''.join(parts)}</div>")


def measures(report: Mapping[str, Any]):
    """What is told beside the metric; nothing of a task that has no such measures."""
    told = report.get("measures")
    if not told:
        return
    st.subheader("What became of the pictures", anchor=False)
    table = figures.measures(told)
    wide = figures.side_by_side(table)
    st.dataframe(wide, hide_index=True, key="measures", alt="Every measure at every stage, with intervals")
    st.caption(f"{figures.ENDS} {figures.meanings(told)}")
    st.caption(figures.floor_in_words(report.get("frechet_floor"), report["test_images"]))
    charts.csv(table, "measures")
