"""Small pictures in a row, each with what it is and what two networks said of it."""

import html
from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from pruning.figures.method_style import CUT
from pruning.inspection.prediction_changes import RunReport
from pruning.tasks import Metric, marked
from pruning.terms import percent
from pruning.ui.picture_strips import picture

STYLE = f"""<style>
.gallery {{display: flex; flex-wrap: wrap; gap: 0.7rem}}
.gallery figure {{margin: 0; width: 84px}}
.gallery img {{width: 84px; height: 84px; object-fit: contain; border-radius: 4px; display: block}}
.gallery img.small {{image-rendering: pixelated}}
.gallery .broken img {{box-shadow: 0 0 0 3px {CUT}}}
.gallery .mended img {{box-shadow: 0 0 0 3px #16a34a}}
.gallery img + img {{margin-top: 6px}}
.gallery figcaption {{font-size: 0.8rem; line-height: 1.25; padding-top: 0.4rem; overflow-wrap: anywhere}}
.gallery small {{opacity: 0.7}}
</style>"""
ROWS = (
    "Each image, what is right, what the full network says and what the pruned one says of its pixels; "
    "pixels of which they say something else are marked."
)


TRANSLATED = (
    "Each picture, what the full network makes of it and what the pruned one does; below, the domain that "
    "the classifier takes either translation for, and how sure it is of the pruned network's."
)


SHOWN = 12  # pictures of each kind
KINDS = {"broken": "Right before, wrong now", "mended": "Wrong before, right now"}
FIRST = {
    "classes": "the pruned network's most confident predictions",
    "masks": "the largest difference",
    "pictures": "the translations of which the classifier is surest",
}


def gallery(found: RunReport):
    """What turned wrong and what turned right beside each other, as the task draws it."""
    drawn_as = found.of_task.drawn_as
    for column, (kind, label) in zip(st.columns(2, gap="large"), KINDS.items(), strict=True):
        rows = found.changes[found.changes["change"] == kind]
        with column:
            st.markdown(f"**{label}** ({len(rows):,}), {FIRST[drawn_as]} first")
            if rows.empty:
                st.caption("None.")
            else:
                of_kind(found, rows.head(SHOWN))
    if told := {"masks": ROWS, "pictures": TRANSLATED}.get(drawn_as):
        st.caption(told)


def of_kind(found: RunReport, rows: pd.DataFrame):
    if found.of_task.drawn_as == "masks":
        with_masks(rows, found.pictures, found.masks, found.of_task.metric)
    elif found.translated is not None:
        translations(rows, found.pictures, found.translated.changed)
    else:
        pictures(rows, found.pictures)


def pictures(changes: pd.DataFrame, images: Mapping[int, np.ndarray]):
    """changes: rows as `inspection.prediction_changes.changes`; those whose image is not among `images`
    are left out."""
    shown = [one(row, images[row.image]) for row in changes.itertuples() if row.image in images]
    st.html(STYLE + f"<div class='gallery'>{''.join(shown)}</div>")


def one(row, image: np.ndarray) -> str:
    """A figure: the picture, its class, and the two answers with the second one's probability."""
    label, before, after = (html.escape(str(text)) for text in (row.label, row.before, row.after))
    said = f"{before} → {after} <small>{percent(row.probability_after, 0)}</small>"
    shown = picture(image, f"Test image {row.image}, class {label}: {before} before, {after} after")
    return f"<figure class='{row.change}'>{shown}<figcaption><b>{label}</b><br>{said}</figcaption></figure>"


def translations(changes: pd.DataFrame, images: Mapping[int, np.ndarray], made: Mapping[int, np.ndarray]):
    """A column an image: the picture, where it is at hand, and what both networks make of it.   made: {test
    image: uint8 [2, h, w, 3]}."""
    shown = []
    for row in changes.itertuples():
        if row.image not in made:
            continue
        before, after = made[row.image]
        parts = {
            **({f"Test image {row.image}, {row.label}": images[row.image]} if row.image in images else {}),
            f"The full network: taken for {row.before}": before,
            f"The pruned network: taken for {row.after}": after,
        }
        drawn = "".join(picture(image, html.escape(words)) for words, image in parts.items())
        sure = f"<small>{percent(row.probability_after, 0)}</small>"
        said = f"taken for {html.escape(row.after)} {sure}, before {html.escape(row.before)}"
        caption = f"<b>{html.escape(row.label)}</b><br>{said}"
        shown.append(f"<figure class='{row.change}'>{drawn}<figcaption>{caption}</figcaption></figure>")
    st.html(STYLE + f"<div class='gallery'>{''.join(shown)}</div>")


def with_masks(
    changes: pd.DataFrame, images: Mapping[int, np.ndarray], masks: Mapping[int, np.ndarray], metric: Metric
):
    """A column an image: the picture, where it is at hand, what is right, and what both networks say, the
    changed pixels marked.   changes, images: as `pictures`.   masks: as
    `inspection.prediction_changes.masks_of`.   metric: what `before` and `after` are of."""
    shown = []
    for row in changes.itertuples():
        if row.image not in masks:
            continue
        truth, before, after = masks[row.image]
        parts = {
            **({f"Test image {row.image}": images[row.image]} if row.image in images else {}),
            f"What is right: {row.label}": marked(truth, truth),
            f"The full network, {metric.name} {row.before}": marked(before, before),
            f"The pruned network, {metric.name} {row.after}, changed pixels marked": marked(after, before),
        }
        drawn = "".join(picture(image, html.escape(words)) for words, image in parts.items())
        caption = f"<b>{html.escape(str(row.label))}</b><br>{row.before} → {row.after}"
        shown.append(f"<figure class='{row.change}'>{drawn}<figcaption>{caption}</figcaption></figure>")
    st.html(STYLE + f"<div class='gallery'>{''.join(shown)}</div>")
