"""A look at data of one's own before anything is run: samples, with masks laid over, and how often each class
occurs."""

import html
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pruning.data.description import in_one_line, table_row
from pruning.experiment import Recipe
from pruning.inspection.data_look import DataLook, look_at_data
from pruning.tasks import IGNORED
from pruning.tasks.mask_colours import class_colours
from pruning.ui import charts, preview_cache
from pruning.ui.page_messages import in_page_words
from pruning.ui.picture_strips import strip

LAID_OVER = 0.6  # of a mask's colour; the rest is the picture
NAMED = 3  # classes that a sample's caption names
DEPENDS_ON = ("data", "size", "model", "task", "seed")


def ask(recipe: Recipe, **how) -> preview_cache.Answer:
    """DataLook of the recipe's data; does not wait. Nothing that the page asks meanwhile ends it."""
    key = preview_cache.digest(recipe, DEPENDS_ON)
    return preview_cache.ask(look_at_data, recipe, key=key, title="Data", queue="preview", **how)


def follow(recipe: Recipe):
    """Draws the look, now or when it comes."""
    preview_cache.follow(partial(ask, recipe), draw)


def draw(look: DataLook):
    told = look.told
    st.caption(in_page_words(in_one_line(told)))
    names = [row["class"] for row in told["classes"]]
    if look.masked:
        strip(laid_over(look.samples, look.labels), [shown(mask, names) for mask in look.labels])
        legend({int(number): names[number] for number in np.unique(look.labels) if 0 < number < IGNORED})
    else:
        strip(look.samples, [names[label] if names else "" for label in look.labels])
    if names:
        table = pd.DataFrame([table_row(row, told["shares_of"]) for row in told["classes"]])
        st.dataframe(table, hide_index=True, key="balance", height=min(400, 38 + 35 * len(table)))
        charts.csv(pd.DataFrame(told["classes"]), "classes")
    for message in told["messages"]:
        st.caption(in_page_words(message))


def laid_over(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, 3]: class 0 as the picture is; the others, and what does not count, in their colours
    over its grey, which leaves them their hues."""
    colours = class_colours()[masks].astype(float)
    grey = images.mean(-1, keepdims=True)
    over = (1 - LAID_OVER) * grey + LAID_OVER * colours
    return np.round(np.where((masks > 0)[..., None], over, images)).astype(np.uint8)


def shown(mask: np.ndarray, names: list[str]) -> str:
    """The classes in a mask, the largest first."""
    counts = np.bincount(mask[mask != IGNORED], minlength=len(names))
    order = [number for number in np.argsort(-counts, kind="stable") if number and counts[number]]
    said = [names[number] for number in order[:NAMED]] or [names[0]]
    return ", ".join(said) + (" ..." if len(order) > NAMED else "")


def legend(names: dict[int, str]):
    """A square of the colour of every class that the samples show, with its name."""
    table = class_colours()
    squares = [*((table[number], name) for number, name in names.items()), (table[IGNORED], "does not count")]
    shapes = [
        f"<span style='white-space:nowrap'><span style='display:inline-block;width:0.8em;height:0.8em;"
        f"border-radius:2px;background:rgb({r},{g},{b})'></span> {html.escape(name)}</span>"
        for (r, g, b), name in squares
    ]
    st.html(f"<small style='display:flex;flex-wrap:wrap;gap:0.2rem 0.9rem'>{''.join(shapes)}</small>")
